package com.weft.peers;

import java.util.List;
import java.util.Map;

/** What is called, directly and through Weft. */
public interface Service {
  int plus(int a, int b);
  String echo(String text);
  List<Object> echoList(List<Object> list);
  Map<String, Object> echoMap(Map<String, Object> map);
  Order echoOrder(Order order);
  byte[] echoBytes(byte[] bytes);
  /** Answers after so many milliseconds; no primitive: Dubbo takes one for the answer of a call that it began. */
  Integer slow(int value, int ms);
  String fails() throws Refused;
  String breaks();
  /** What the caller said of itself beside the arguments. */
  String said(String key);
  void note(String text);
  /** What Weft's route adds beside the arguments. */
  String edited(String key);
  /** Weft's routes know these by their names: to a cluster without endpoints, one with a limit, none. */
  int empty();
  int busy(int ms);
  int unrouted();
}
