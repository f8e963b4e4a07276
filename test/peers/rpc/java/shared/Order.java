package com.weft.peers;

import java.io.Serializable;
import java.util.List;
import java.util.Objects;

public class Order implements Serializable {
  private static final long serialVersionUID = 1;
  private String name;
  private long number;
  private double price;
  private boolean paid;
  private List<Order> parts;

  public Order() {}
  public Order(String name, long number, double price, boolean paid, List<Order> parts) {
    this.name = name;
    this.number = number;
    this.price = price;
    this.paid = paid;
    this.parts = parts;
  }
  public String getName() { return name; }
  public void setName(String name) { this.name = name; }
  public long getNumber() { return number; }
  public void setNumber(long number) { this.number = number; }
  public double getPrice() { return price; }
  public void setPrice(double price) { this.price = price; }
  public boolean isPaid() { return paid; }
  public void setPaid(boolean paid) { this.paid = paid; }
  public List<Order> getParts() { return parts; }
  public void setParts(List<Order> parts) { this.parts = parts; }

  @Override
  public boolean equals(Object other) {
    return other instanceof Order o && Objects.equals(name, o.name) && number == o.number && price == o.price
        && paid == o.paid && Objects.equals(parts, o.parts);
  }
  @Override
  public int hashCode() { return Objects.hash(name, number); }
}
