package com.weft.peers;

import com.alipay.remoting.Url;
import com.alipay.sofa.rpc.client.ProviderInfo;
import com.alipay.sofa.rpc.ext.Extension;
import com.alipay.sofa.rpc.transport.ClientTransportConfig;
import com.alipay.sofa.rpc.transport.bolt.BoltClientTransport;

/** SOFARPC asks Bolt for version 1 always; this asks for the version that a run is about: 1, 2, or 2 with checksums. */
@Extension(value = "bolt", override = true)
public final class Bolt extends BoltClientTransport {
  public Bolt(ClientTransportConfig config) { super(config); }

  @Override
  protected Url convertProviderToUrl(ClientTransportConfig config, ProviderInfo provider) {
    Url url = super.convertProviderToUrl(config, provider);
    String version = System.getProperty("peers.bolt", "1");
    url.setProtocol((byte) (version.equals("1") ? 1 : 2));
    url.setVersion((byte) (version.equals("crc") ? 2 : 1));
    return url;
  }
}
