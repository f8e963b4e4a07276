package com.weft.peers;

import java.lang.reflect.Field;
import org.apache.dubbo.common.utils.NetUtils;
import org.apache.dubbo.config.ApplicationConfig;

/** What a run is about: the properties `peers.protocol` (dubbo, tri) and `peers.serialization`. */
final class Wire {
  static final String PROTOCOL = System.getProperty("peers.protocol", "dubbo");
  static final String SERIALIZATION = System.getProperty("peers.serialization", "hessian2");
  /** A peer that says nothing for three times this is gone. */
  static final int HEARTBEAT_MS = 1000;

  private Wire() {}

  /** Dubbo takes another address of the machine for 127.0.0.1, and has no setting against it. */
  private static void stayOnLoopback() throws ReflectiveOperationException {
    Field address = NetUtils.class.getDeclaredField("HOST_ADDRESS");
    address.setAccessible(true);
    address.set(null, "127.0.0.1");
  }

  static ApplicationConfig application(String name) throws ReflectiveOperationException {
    stayOnLoopback();
    ApplicationConfig application = new ApplicationConfig(name);
    application.setQosEnable(false);
    return application;
  }
}
