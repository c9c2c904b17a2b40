// Moves the time of this process by CLOCK_SHIFT_S seconds, as the tests move that of the program.
const shift = Number(process.env.CLOCK_SHIFT_S) * 1000;
const Real = Date;
globalThis.Date = class extends Real {
  constructor(...given) {
    super(...(given.length ? given : [Real.now() + shift]));
  }
  static now() {
    return Real.now() + shift;
  }
};
