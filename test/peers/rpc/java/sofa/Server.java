package com.weft.peers;

import com.alipay.sofa.rpc.config.ProviderConfig;
import com.alipay.sofa.rpc.config.ServerConfig;
import com.alipay.sofa.rpc.context.RpcInvokeContext;

/** A server of SOFARPC on the port that is its argument. */
public final class Server {
  public static void main(String[] args) throws Exception {
    Room.make();
    Lines.takeOutput();
    Implementation served = new Implementation((key) -> RpcInvokeContext.getContext().getRequestBaggage(key));
    ServerConfig server = new ServerConfig().setProtocol("bolt").setHost("127.0.0.1").setPort(Integer.parseInt(args[0]))
        .setCoreThreads(200).setMaxThreads(200).setQueues(20_000).setDaemon(true);
    new ProviderConfig<Service>().setInterfaceId(Service.class.getName()).setRef(served).setServer(server)
        .setRegister(false).export();
    Lines.serve((words) -> Lines.say("calls", served.calls.get(), "notes", served.notes.get()));
  }
}
