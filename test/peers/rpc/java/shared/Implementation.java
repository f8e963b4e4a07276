package com.weft.peers;

import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;

public class Implementation implements Service {
  final AtomicInteger calls = new AtomicInteger(), notes = new AtomicInteger();
  private final UnaryOperator<String> saidBy;

  /** `saidBy`: how the framework tells what callers say beside arguments. */
  public Implementation(UnaryOperator<String> saidBy) { this.saidBy = saidBy; }

  @Override
  public int plus(int a, int b) {
    calls.incrementAndGet();
    return a + b;
  }
  @Override
  public String echo(String text) { return text; }
  @Override
  public List<Object> echoList(List<Object> list) { return list; }
  @Override
  public Map<String, Object> echoMap(Map<String, Object> map) { return map; }
  @Override
  public Order echoOrder(Order order) { return order; }
  @Override
  public byte[] echoBytes(byte[] bytes) { return bytes; }
  @Override
  public Integer slow(int value, int ms) {
    calls.incrementAndGet();
    try {
      Thread.sleep(ms);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return value;
  }
  @Override
  public String fails() throws Refused { throw new Refused("as it should"); }
  @Override
  public String breaks() { throw new IllegalStateException("as it should"); }
  @Override
  public String said(String key) { return saidBy.apply(key); }
  @Override
  public String edited(String key) { return said(key); }
  @Override
  public void note(String text) { notes.incrementAndGet(); }
  @Override
  public int empty() { return 1; }
  @Override
  public int busy(int ms) { return slow(1, ms); }
  @Override
  public int unrouted() { return 1; }
}
