package com.weft.peers;

import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;
import org.apache.dubbo.rpc.RpcContext;

/** A server of Dubbo on the port that is its argument; Wire.java says of what protocol. */
public final class Server {
  public static void main(String[] args) throws Exception {
    Lines.takeOutput();
    Implementation served = new Implementation((key) -> RpcContext.getServerAttachment().getAttachment(key));
    ProtocolConfig protocol = new ProtocolConfig(Wire.PROTOCOL, Integer.parseInt(args[0]));
    protocol.setHost("127.0.0.1");
    protocol.setSerialization(Wire.SERIALIZATION);
    protocol.setThreads(200);
    protocol.setQueues(20_000);
    protocol.setHeartbeat(Wire.HEARTBEAT_MS);
    protocol.setExtProtocol(System.getProperty("peers.other"));          // on the same port
    ServiceConfig<Service> service = new ServiceConfig<>();
    service.setInterface(Service.class);
    service.setRef(served);
    ApplicationConfig application = Wire.application("peers-server");
    DubboBootstrap.getInstance().application(application).registry(new RegistryConfig("N/A")).protocol(protocol)
        .service(service).start();
    Lines.serve((words) -> Lines.say("calls", served.calls.get(), "notes", served.notes.get()));
  }
}
