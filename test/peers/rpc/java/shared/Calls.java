package com.weft.peers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/** Calls of a client, and what comes of them: the same for all frameworks. */
abstract class Calls {
  private static final int LARGE_BYTES = 4 << 20;

  interface Call { Object get() throws Throwable; }

  abstract void open(int port) throws Exception;
  abstract void close() throws Exception;
  abstract Service service();
  /** The same, which waits for 250 ms only. */
  abstract Service impatient();
  /** One that no server has. */
  abstract Service unknown();
  abstract CompletableFuture<Object> slowly(int value, int ms);
  abstract void note(String text);
  /** What the server heard beside the arguments. */
  abstract String said(String key, String value);
  /** Of an error of the framework, what does not differ from call to call. */
  abstract String errorOf(Throwable thrown);

  void handle(String[] words) throws Exception {
    switch (words[0]) {
      case "open" -> open(number(words, 1));
      case "close" -> close();
      case "calls" -> all();
      case "edited" -> same("edited", words[1], () -> service().edited("peers-added"));
      case "special" -> specials(words[1], number(words, 2));
      case "many" -> many(number(words, 1), number(words, 2), number(words, 3));
      case "notes" -> { for (int i = 0; i < number(words, 1); i++) note("note " + i); }
      default -> throw new IllegalArgumentException(words[0]);
    }
  }
  private static int number(String[] words, int at) { return Integer.parseInt(words[at]); }

  private void all() {
    Service service = service();
    same("numbers", 3, () -> service.plus(1, 2));
    same("negative numbers", -69_997, () -> service.plus(-70_000, 3));
    for (String text : List.of("größe € 漢 😀", "", "x".repeat(40), "€".repeat(1000), "a\n\0b"))
      same("text of " + text.length(), text, () -> service.echo(text));
    same("null", null, () -> service.echo(null));
    List<Object> list = new ArrayList<>(Arrays.asList(1, null, true, 1.5, "x", 1L << 40));
    same("a list", list, () -> service.echoList(list));
    Map<String, Object> map = new LinkedHashMap<>(Map.of("a", 1, "größe", "x", "c", Collections.emptyList()));
    same("a map", map, () -> service.echoMap(map));
    List<Order> parts = new ArrayList<>(List.of(new Order(null, -1, 0, false, null)));
    Order order = new Order("größer", 1L << 50, 1.25, true, parts);
    same("an object", order, () -> service.echoOrder(order));
    byte[] bytes = new byte[LARGE_BYTES];
    for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) (i * 31 >> 3);
    same("4 MiB", true, () -> Arrays.equals(bytes, service.echoBytes(bytes)));
    same("what is said beside the arguments", "größe 7", () -> said("peers-key", "größe 7"));
    throwing("a declared exception", Refused.class, service::fails);
    throwing("another exception", RuntimeException.class, service::breaks);
    throwing("a timeout", null, () -> impatient().slow(1, 700));
    throwing("an unknown service", null, () -> unknown().plus(1, 2));
    same("after all that", 3, () -> service.plus(1, 2));
  }

  /** Calls that only Weft's configuration makes special. */
  private void specials(String name, int times) throws InterruptedException {
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < times; i++) threads.add(new Thread(() -> special(name)));
    for (Thread thread : threads) thread.start();
    for (Thread thread : threads) thread.join();
  }
  private void special(String name) {
    Service service = service();
    switch (name) {
      case "empty" -> throwing(name, null, service::empty);
      case "busy" -> throwing(name, null, () -> service.busy(500));
      default -> throwing(name, null, service::unrouted);
    }
  }

  private void same(String name, Object wanted, Call call) {
    try {
      Object found = call.get();
      boolean right = Objects.equals(wanted, found);
      Lines.say("name", name, "said", right ? "as it should" : "something else: " + found, "right", right);
    } catch (Throwable thrown) {
      Lines.say("name", name, "said", described(thrown), "right", false);
    }
  }
  private void throwing(String name, Class<?> wanted, Call call) {
    try {
      Lines.say("name", name, "said", "no error: " + call.get(), "right", false);
    } catch (Throwable thrown) {
      Lines.say("name", name, "said", described(thrown), "right", wanted == null || wanted.isInstance(thrown));
    }
  }
  private String described(Throwable thrown) {
    String error = thrown instanceof Refused refused ? "reason " + refused.getReason() : errorOf(thrown);
    return thrown.getClass().getName() + ": " + error;
  }

  /** The first line of a message, but for addresses, times and names of threads in it. */
  static String message(Throwable thrown) {
    String text = String.valueOf(thrown.getMessage()).split("\n")[0];
    return text.replaceAll("[0-9][0-9.:/-]*", "*");
  }

  private void many(int count, int atOnce, int ms) throws InterruptedException {
    Semaphore room = new Semaphore(atOnce), done = new Semaphore(0);
    AtomicReference<Object> first = new AtomicReference<>();
    int[] wrong = {0};
    long begin = System.nanoTime();
    for (int i = 0; i < count; i++) {
      int value = i;
      room.acquire();
      slowly(value, ms).whenComplete((found, thrown) -> {
        if (thrown != null || !Objects.equals(found, value)) {
          synchronized (wrong) { wrong[0]++; }
          first.compareAndSet(null, thrown == null ? found : described(thrown));
        }
        room.release();
        done.release();
      });
    }
    boolean all = done.tryAcquire(count, 20, TimeUnit.SECONDS);
    Lines.say("wrong", wrong[0] + (all ? 0 : count - done.availablePermits()), "first", String.valueOf(first.get()),
        "ms", (System.nanoTime() - begin) / 1_000_000);
  }
}
