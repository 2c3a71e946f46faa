import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { PathSize } from '#lib/connection/path.js';

function afterUnanswered(mtu: number, times: number, hello = false): PathSize {
  const size = new PathSize(mtu);
  for (let i = 0; i < times; i++) size.onUnanswered(65_535, hello);
  return size;
}

suite('the size of datagrams', () => {
  const sizes = (mtu: number, count = 10) =>
    Array.from({ length: count }, (_, i) => afterUnanswered(mtu, i).forFlights);

  test('datagrams of flights shrink after every second unanswered transmission, down to 256 bytes', () => {
    assert.deepEqual(sizes(4000), [4000, 4000, 1232, 1232, 548, 548, 256, 256, 256, 256]);
  });

  test('datagrams skip steps that are not below the known size of the path', () => {
    assert.deepEqual(sizes(1232, 6), [1232, 1232, 548, 548, 256, 256]);
    assert.deepEqual(sizes(500, 4), [500, 500, 256, 256]);
    assert.deepEqual(sizes(256, 4), [256, 256, 256, 256]);
  });

  test('datagrams keep the size that was answered for the next flight, with two more tries before they shrink again', () => {
    const size = afterUnanswered(1200, 3);
    size.onAnswer();
    assert.equal(size.forFlights, 548);
    size.onUnanswered(65_535, false);
    assert.equal(size.forFlights, 548);
    size.onUnanswered(65_535, false);
    assert.equal(size.forFlights, 256);
  });

  test('datagrams shrink below the size that was sent', () => {
    const size = new PathSize(4000);
    size.onUnanswered(1100, false);
    size.onUnanswered(1100, false);
    assert.equal(size.forFlights, 548);
  });

  test('datagrams of a flight that every host accepts keep their size, however often they are lost', () => {
    const size = new PathSize(1200);
    for (let i = 0; i < 10; i++) size.onUnanswered(548, false);
    assert.equal(size.forFlights, 1200);
  });

  test('datagrams of a ClientHello shrink as well, but every second try is whole', () => {
    const helloSizes = (mtu: number, count: number) =>
      Array.from({ length: count }, (_, i) => afterUnanswered(mtu, i, true).forFlights);
    assert.deepEqual(helloSizes(4000, 9), [4000, 4000, 1232, 4000, 548, 4000, 256, 4000, 256]);
    assert.deepEqual(helloSizes(1200, 6), [1200, 1200, 548, 1200, 256, 1200]);
    assert.deepEqual(helloSizes(256, 4), [256, 256, 256, 256]);
  });

  test('datagrams after a ClientHello have the size with which it was answered, fragmented or whole', () => {
    const cut = afterUnanswered(1200, 2, true);
    cut.onAnswer();
    assert.equal(cut.forFlights, 548);
    const whole = afterUnanswered(1200, 3, true);
    whole.onAnswer();
    assert.equal(whole.forFlights, 1200);
    whole.onUnanswered(1200, false);
    assert.equal(whole.forFlights, 1200);
    whole.onUnanswered(1200, false);
    assert.equal(whole.forFlights, 548);
  });

  test('a second ClientHello that begins fragmented alternates from the first try on', () => {
    const size = afterUnanswered(1200, 2, true);
    size.onAnswer();
    const sizes = Array.from({ length: 5 }, () => {
      size.onUnanswered(1200, true);
      return size.forFlights;
    });
    assert.deepEqual(sizes, [1200, 256, 1200, 256, 1200]);
  });

  test('a whole ClientHello is no larger than the system accepts', () => {
    const size = afterUnanswered(4000, 3, true);
    size.onRefused(4000);
    assert.equal(size.forFlights, 1232);
  });

  test('datagrams of data do not shrink on a guess', () => {
    assert.equal(afterUnanswered(1200, 8).known, 1200);
  });

  test('datagrams fall to the next step below what the system refuses, for flights and for data, once for all refusals', () => {
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

  test('datagrams do not fall below 256 bytes, whatever is refused', () => {
    const size = new PathSize(300);
    assert.equal(size.onRefused(40), true);
    assert.equal(size.known, 256);
    assert.equal(size.onRefused(256), false);
    assert.equal(size.onRefused(40), false);
    assert.equal(size.known, 256);
  });

  test('datagrams shrink further from the size that the system reported', () => {
    const size = new PathSize(4000);
    size.onRefused(1100);
    size.onUnanswered(65_535, false);
    size.onUnanswered(65_535, false);
    assert.equal(size.forFlights, 256);
    assert.equal(size.known, 548);
  });
});
