import { expect, it } from "vitest";
import { type LineMemory, Relays } from "./relays";

const RELAY = { urls: ["turns:a.example:443?transport=tcp"], username: "1:me", credential: "secret" };

function remembering(direct: boolean): LineMemory & { direct: boolean } {
  const memory = { direct, load: () => memory.direct, save: (now: boolean) => void (memory.direct = now) };
  return memory;
}

it("gives relays to who is not known to do without", () => {
  const relays = new Relays(remembering(false));
  expect(relays.next()).toEqual([]);
  relays.told([RELAY]);
  expect(relays.next()).toEqual([RELAY]);
});

it("does without where that worked, until it fails", () => {
  const memory = remembering(false);
  const relays = new Relays(memory);
  relays.told([RELAY]);
  relays.runsOver("udp");
  expect(memory.direct).toBe(true);
  expect(relays.next()).toEqual([]);
  relays.failed();
  expect(relays.next()).toEqual([RELAY]);
  const later = new Relays(memory);
  later.told([RELAY]);
  expect(later.next()).toEqual([]);
});

it("remembers that it is needed", () => {
  const memory = remembering(true);
  const relays = new Relays(memory);
  relays.told([RELAY]);
  relays.failed();
  relays.runsOver("tls");
  expect(memory.direct).toBe(false);
  expect(relays.next()).toEqual([RELAY]);
});
