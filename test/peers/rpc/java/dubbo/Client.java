package com.weft.peers;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.dubbo.config.MethodConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;
import org.apache.dubbo.rpc.RpcContext;
import org.apache.dubbo.rpc.RpcException;

/** A client of Dubbo; Wire.java says of what protocol. It never tries again by itself. */
public final class Client extends Calls {
  private static final int TIMEOUT_MS = 30_000;
  private final List<ReferenceConfig<Service>> references = new ArrayList<>();
  private Service service, impatient, unknown;

  public static void main(String[] args) throws Exception {
    Lines.takeOutput();
    DubboBootstrap.getInstance().application(Wire.application("peers-client")).registry(new RegistryConfig("N/A"))
        .start();
    Lines.serve(new Client()::handle);
  }

  @Override
  void open(int port) {
    service = reference(port, TIMEOUT_MS, Service.class);
    impatient = reference(port, 250, Service.class);
    unknown = reference(port, TIMEOUT_MS, Unknown.class);
  }
  private Service reference(int port, int timeoutMs, Class<? extends Service> called) {
    ReferenceConfig<Service> reference = new ReferenceConfig<>();
    reference.setInterface(called);
    reference.setUrl(Wire.PROTOCOL + "://127.0.0.1:" + port + "?serialization=" + Wire.SERIALIZATION
        + "&prefer.serialization=" + Wire.SERIALIZATION + "&heartbeat=" + Wire.HEARTBEAT_MS);
    reference.setTimeout(timeoutMs);
    reference.setRetries(0);
    reference.setCheck(false);
    MethodConfig note = new MethodConfig();
    note.setName("note");
    note.setReturn(false);
    reference.setMethods(List.of(note));
    references.add(reference);
    return reference.get();
  }
  @Override
  void close() {
    for (ReferenceConfig<Service> reference : references) reference.destroy();
    references.clear();
  }

  @Override
  Service service() { return service; }
  @Override
  Service impatient() { return impatient; }
  @Override
  Service unknown() { return unknown; }

  @Override
  CompletableFuture<Object> slowly(int value, int ms) {
    return RpcContext.getServiceContext().asyncCall(() -> (Object) service.slow(value, ms));
  }
  @Override
  void note(String text) { service.note(text); }
  @Override
  String said(String key, String value) {
    RpcContext.getClientAttachment().setAttachment(key, value);
    return service.said(key);
  }

  /** Its own message lists all that it knows of the service: the cause says what came. */
  @Override
  String errorOf(Throwable thrown) {
    if (!(thrown instanceof RpcException rpc)) return message(thrown);
    String text = message(rpc.getCause() == null ? rpc : rpc.getCause());
    // Of Triple, what comes first is thrown: the client's own timeout, or that of its stream.
    return rpc.isTimeout() || text.contains("DEADLINE_EXCEEDED") ? "a timeout" : "code " + rpc.getCode() + ", " + text;
  }
}
