package com.weft.peers;

/** For ten thousand calls at a time: what does not fit is refused or, of answers, lost without a word. */
final class Room {
  private Room() {}

  /** Before any class of the frameworks is there: they read it once. */
  static void make() {
    System.setProperty("async.pool.queue", "20000");
    System.setProperty("bolt.tp.queue", "20000");
    System.setProperty("bolt.netty.buffer.low.watermark", String.valueOf(32 << 20));
    System.setProperty("bolt.netty.buffer.high.watermark", String.valueOf(64 << 20));
  }
}
