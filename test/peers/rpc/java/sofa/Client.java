package com.weft.peers;

import com.alipay.sofa.rpc.config.ConsumerConfig;
import com.alipay.sofa.rpc.context.RpcInvokeContext;
import com.alipay.sofa.rpc.core.exception.SofaRpcException;
import com.alipay.sofa.rpc.core.exception.SofaTimeOutException;
import com.alipay.sofa.rpc.core.invoke.SofaResponseCallback;
import com.alipay.sofa.rpc.core.request.RequestBase;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** A client of SOFARPC; the property `peers.bolt` says in what version it speaks (Bolt.java). */
public final class Client extends Calls {
  private final List<ConsumerConfig<Service>> consumers = new ArrayList<>();
  private Service service, impatient, unknown, calledBack, noting;

  public static void main(String[] args) throws Exception {
    Room.make();
    Lines.takeOutput();
    Lines.serve(new Client()::handle);
  }

  @Override
  void open(int port) {
    service = consumer(port, 10_000, null, "sync");
    impatient = consumer(port, 250, null, "sync");
    unknown = consumer(port, 10_000, "unknown", "sync");
    calledBack = consumer(port, 30_000, null, "callback");
    noting = consumer(port, 10_000, null, "oneway");
  }
  private Service consumer(int port, int timeoutMs, String uniqueId, String invokeType) {
    ConsumerConfig<Service> consumer = new ConsumerConfig<Service>().setInterfaceId(Service.class.getName())
        .setProtocol("bolt").setDirectUrl("bolt://127.0.0.1:" + port).setRegister(false)
        .setRepeatedReferLimit(-1).setTimeout(timeoutMs).setRetries(0).setInvokeType(invokeType).setCheck(false);
    if (uniqueId != null) consumer.setUniqueId(uniqueId);
    consumers.add(consumer);
    return consumer.refer();
  }
  @Override
  void close() {
    for (ConsumerConfig<Service> consumer : consumers) consumer.unRefer();
    consumers.clear();
  }

  @Override
  Service service() { return service; }
  @Override
  Service impatient() { return impatient; }
  @Override
  Service unknown() { return unknown; }

  @Override
  CompletableFuture<Object> slowly(int value, int ms) {
    CompletableFuture<Object> answered = new CompletableFuture<>();
    RpcInvokeContext.getContext().setResponseCallback(new SofaResponseCallback<Object>() {
      @Override
      public void onAppResponse(Object found, String method, RequestBase request) { answered.complete(found); }
      @Override
      public void onAppException(Throwable thrown, String method, RequestBase request) {
        answered.completeExceptionally(thrown);
      }
      @Override
      public void onSofaException(SofaRpcException thrown, String method, RequestBase request) {
        answered.completeExceptionally(thrown);
      }
    });
    try {
      calledBack.slow(value, ms);
    } catch (RuntimeException thrown) {
      answered.completeExceptionally(thrown);
    }
    return answered;
  }
  @Override
  void note(String text) { noting.note(text); }
  @Override
  String said(String key, String value) {
    RpcInvokeContext.getContext().putRequestBaggage(key, value);
    try {
      return service.said(key);
    } finally {
      RpcInvokeContext.removeContext();
    }
  }

  /** Where it failed is said in words that differ. */
  @Override
  String errorOf(Throwable thrown) {
    if (thrown instanceof SofaTimeOutException) return "a timeout";
    return thrown instanceof SofaRpcException sofa ? "type " + sofa.getErrorType() + ", " + message(thrown)
        : message(thrown);
  }
}
