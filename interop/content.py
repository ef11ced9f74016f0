"""What is published, and how what arrives is judged: each picture shows its number, the sound is one tone."""

import math
import struct
from array import array

WIDTH, HEIGHT, FRAMES_PER_SECOND = 320, 240, 30
RATE, TONE_HZ = 48_000, 440
CELLS = 4
DARK, BRIGHT = 40, 215
NUMBERS = 1 << 12


def _checked(number):
    """12 bits of number and 4 that tell a damaged picture."""
    return number << 4 | ((number ^ number >> 4 ^ number >> 8 ^ 0b1010) & 15)


def picture(number):
    """Luma of the picture that shows `number`: 4 by 4 cells, dark or bright."""
    bits = _checked(number % NUMBERS)
    rows = []
    for row in range(CELLS):
        line = b"".join(
            bytes([BRIGHT if bits >> (row * CELLS + column) & 1 else DARK]) * (WIDTH // CELLS)
            for column in range(CELLS)
        )
        rows.append(line * (HEIGHT // CELLS))
    return b"".join(rows)


def read_picture(luma, stride, width, height):
    """The number a picture shows, None when it cannot be read."""
    bits = 0
    for cell in range(CELLS * CELLS):
        row, column = divmod(cell, CELLS)
        left = (2 * column + 1) * width // (2 * CELLS) - 4
        top = (2 * row + 1) * height // (2 * CELLS) - 4
        total = sum(sum(luma[(top + y) * stride + left : (top + y) * stride + left + 8]) for y in range(8))
        if total > 64 * (DARK + BRIGHT) // 2:
            bits |= 1 << cell
    number = bits >> 4
    return number if _checked(number) == bits else None


# 1,200 samples are exactly 11 periods.
_PERIODS = [round(12_000 * math.sin(2 * math.pi * TONE_HZ * n / RATE)) for n in range(1_200)]


def tone(first, count):
    """Samples of the tone from the sample `first`, as signed 16 bit mono."""
    return struct.pack(f"<{count}h", *(_PERIODS[(first + n) % len(_PERIODS)] for n in range(count)))


def tone_share(samples):
    """How much of the sound is the tone: 1 is all of it, 0 nothing or silence."""
    energy = sum(sample * sample for sample in samples)
    if energy < 300 * 300 * len(samples):
        return 0.0
    turn = 2 * math.pi * TONE_HZ / RATE
    real = sum(sample * math.cos(turn * n) for n, sample in enumerate(samples))
    imaginary = sum(sample * math.sin(turn * n) for n, sample in enumerate(samples))
    return 2 * (real * real + imaginary * imaginary) / (len(samples) * energy)


class Judge:
    """Collects what a player gets until it is enough."""

    PICTURES = 45
    TONES = 8
    WINDOW = RATE // 10

    def __init__(self):
        self.frames = 0
        self.numbers = []
        self.tones = 0
        self.best_share = 0.0
        self._samples = array("h")

    def see(self, luma, stride, width, height):
        self.frames += 1
        number = read_picture(luma, stride, width, height)
        if number is not None and (not self.numbers or number != self.numbers[-1]):
            self.numbers.append(number)

    def hear(self, samples):
        """Takes mono samples of 48 kHz."""
        self._samples.extend(samples)
        while len(self._samples) >= self.WINDOW:
            share = tone_share(self._samples[: self.WINDOW])
            del self._samples[: self.WINDOW]
            self.best_share = max(self.best_share, share)
            self.tones += share > 0.5

    def rising(self):
        """Pictures that came after one with a lower number."""
        pairs = zip(self.numbers, self.numbers[1:])
        return sum(1 for before, after in pairs if 0 < (after - before) % NUMBERS < NUMBERS // 2)

    def skipped(self):
        """Pictures that were published between two that arrived."""
        steps = ((after - before) % NUMBERS for before, after in zip(self.numbers, self.numbers[1:]))
        return sum(step - 1 for step in steps if 0 < step < NUMBERS // 2)

    def satisfied(self):
        return self.rising() >= self.PICTURES and self.tones >= self.TONES

    def verdict(self):
        return {
            "frames": self.frames,
            "numbers": len(self.numbers),
            "rising": self.rising(),
            "skipped": self.skipped(),
            "tones": self.tones,
            "tone_share": round(self.best_share, 2),
        }
