package com.weft.peers;

/** The exception that an interface declares. */
public class Refused extends Exception {
  private static final long serialVersionUID = 1;
  private String reason;

  public Refused() {}
  public Refused(String reason) {
    super(reason);
    this.reason = reason;
  }
  public String getReason() { return reason; }
  public void setReason(String reason) { this.reason = reason; }
}
