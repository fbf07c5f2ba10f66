type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles with `true` only where both types are the same. */
export function equal<A, B>(same: Same<A, B>): void {
  void same;
}
