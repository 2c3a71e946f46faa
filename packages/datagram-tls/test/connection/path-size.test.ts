import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { PathSize } from '#lib/connection/path-size.js';

function afterUnanswered(mtu: number, times: number): PathSize {
  const size = new PathSize(mtu);
  for (let i = 0; i < times; i++) size.onUnanswered(65_535);
  return size;
}

suite('the size of datagrams', () => {
  const sizes = (mtu: number, count = 10) =>
    Array.from({ length: count }, (_, i) => afterUnanswered(mtu, i).forFlights);

  test('of flights shrinks after every second transmission in vain, to 256 bytes at last', () => {
    assert.deepEqual(sizes(4000), [4000, 4000, 1232, 1232, 548, 548, 256, 256, 256, 256]);
  });

  test('passes over steps that are no smaller than the path is said to allow', () => {
    assert.deepEqual(sizes(1232, 6), [1232, 1232, 548, 548, 256, 256]);
    assert.deepEqual(sizes(500, 4), [500, 500, 256, 256]);
    assert.deepEqual(sizes(256, 4), [256, 256, 256, 256]);
  });

  test('stays for the next flight what it was when one arrived, with two tries more before it shrinks again', () => {
    const size = afterUnanswered(1200, 3);
    size.onAnswer();
    assert.equal(size.forFlights, 548);
    size.onUnanswered(65_535);
    assert.equal(size.forFlights, 548);
    size.onUnanswered(65_535);
    assert.equal(size.forFlights, 256);
  });

  test('shrinks below what was sent, so that it makes a difference', () => {
    const size = new PathSize(4000);
    size.onUnanswered(1100);
    size.onUnanswered(1100);
    assert.equal(size.forFlights, 548);
  });

  test('of a flight that any host takes stays, however often it is lost', () => {
    const size = new PathSize(1200);
    for (let i = 0; i < 10; i++) size.onUnanswered(548);
    assert.equal(size.forFlights, 1200);
  });

  test('of data does not shrink on a guess', () => {
    assert.equal(afterUnanswered(1200, 8).known, 1200);
  });

  test('falls to the next step below what the system refuses, for flights and for data, once for all that it refuses', () => {
    const size = new PathSize(4000);
    assert.equal(size.onRefused(3000), true);
    assert.equal(size.known, 1232);
    assert.equal(size.forFlights, 1232);
    assert.equal(size.onRefused(3000), false);
    assert.equal(size.onRefused(1233), false);
    assert.equal(size.known, 1232);
    assert.equal(size.onRefused(1000), true);
    assert.equal(size.known, 548);
  });

  test('does not fall below 256 bytes, whatever is refused', () => {
    const size = new PathSize(300);
    assert.equal(size.onRefused(40), true);
    assert.equal(size.known, 256);
    assert.equal(size.onRefused(256), false);
    assert.equal(size.onRefused(40), false);
    assert.equal(size.known, 256);
  });

  test('goes on shrinking from what the system has said', () => {
    const size = new PathSize(4000);
    size.onRefused(1100);
    size.onUnanswered(65_535);
    size.onUnanswered(65_535);
    assert.equal(size.forFlights, 256);
    assert.equal(size.known, 548);
  });
});
