package com.weft.peers;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Commands come as lines of words, answers go as lines of JSON; what frameworks print goes to the error output. */
final class Lines {
  private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  interface Handler { void handle(String[] words) throws Exception; }

  private Lines() {}

  static void takeOutput() { System.setOut(System.err); }

  /** Every command is answered; its handler may have said more before. The end of the input ends the process. */
  static void serve(Handler handler) throws IOException {
    say("ready", "");
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split(" ");
      try {
        handler.handle(words);
        say("done", words[0]);
      } catch (Throwable thrown) {
        thrown.printStackTrace();
        say("failed", words[0] + ": " + thrown);
      }
    }
    Runtime.getRuntime().halt(0);
  }

  /** Pairs of names and values. */
  static synchronized void say(Object... pairs) {
    StringBuilder json = new StringBuilder("{");
    for (int i = 0; i < pairs.length; i += 2) {
      if (i > 0) json.append(',');
      quote(json, pairs[i].toString()).append(':');
      Object value = pairs[i + 1];
      if (value instanceof Number || value instanceof Boolean) json.append(value);
      else quote(json, String.valueOf(value));
    }
    OUT.println(json.append('}'));
  }

  private static StringBuilder quote(StringBuilder to, String text) {
    to.append('"');
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') to.append('\\').append(c);
      else if (c < ' ' || c > '~') to.append(String.format("\\u%04x", (int) c));
      else to.append(c);
    }
    return to.append('"');
  }
}
