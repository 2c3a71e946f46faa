/*
 * The binary for Windows is linked to the system's own libraries alone, by the lists of names beside this file: zig
 * would compile the whole start-up code of another C library into it, for which it takes minutes.
 */
int __stdcall DllMainCRTStartup(void *instance, unsigned long reason, void *reserved) {
  (void)instance, (void)reason, (void)reserved;
  return 1;
}
