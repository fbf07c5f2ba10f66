"use strict";

// The members that the interfaces share are defined by one function. They have to be what Web IDL makes of a member of each.

const { TCPServerSocket, TCPSocket, UDPSocket, tcpServer, thrownBy, udp } = require("../helpers");
const { UnixServerSocket, UnixSocket } = require("../helpers/unix");

const METHODS = ["suspend", "resume", "ref", "unref", "hasRef"];
const INTERFACES = [
  [TCPSocket, ["readyState", "bufferedAmount"]],
  [UDPSocket, ["readyState", "bufferedAmount"]],
  [TCPServerSocket, ["readyState"]],
  [UnixSocket, ["readyState", "bufferedAmount"]],
  [UnixServerSocket, ["readyState"]],
];
const attributes = INTERFACES.flatMap(([Class, names]) => names.map((name) => [`${Class.name}.${name}`, Class, name]));
const methods = INTERFACES.flatMap(([Class]) => METHODS.map((name) => [`${Class.name}.${name}`, Class, name]));

test.each(attributes)("%s is a read-only accessor of the prototype, enumerable and configurable (R-shape)", (_, Class, name) => {
  const descriptor = Object.getOwnPropertyDescriptor(Class.prototype, name);
  expect(descriptor).toEqual({ get: expect.any(Function), set: undefined, enumerable: true, configurable: true });
  expect(descriptor.get.name).toBe(`get ${name}`);
  expect(descriptor.get).toHaveLength(0);
});

test.each(methods)("%s() is a method of the prototype, writable, enumerable and configurable, and no constructor (R-shape)", (_, Class, name) => {
  const descriptor = Object.getOwnPropertyDescriptor(Class.prototype, name);
  expect(descriptor).toEqual({ value: expect.any(Function), writable: true, enumerable: true, configurable: true });
  expect(descriptor.value.name).toBe(name);
  expect(descriptor.value).toHaveLength(0);
  expect(() => new descriptor.value()).toThrow(TypeError);
});

test.each([...attributes, ...methods])("%s is refused on an object of another kind (R-shape)", (member, Class, name) => {
  const { get, value = get } = Object.getOwnPropertyDescriptor(Class.prototype, name);
  const other = Class === UDPSocket ? tcpServer() : udp();
  for (const object of [undefined, null, 1, {}, Class.prototype, Object.create(Class.prototype), other]) {
    const error = thrownBy(() => value.call(object));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(`Illegal invocation: ${member} was called on an object of another kind`);
  }
});

test.each([[TCPServerSocket], [UnixServerSocket]])("a server has no bufferedAmount: %p", (Class) => {
  expect("bufferedAmount" in Class.prototype).toBe(false);
});
