package com.weft.peers;

/** A service that no server has. */
public interface Unknown extends Service {}
