// What the processor can do, by the levels of the x86-64 ABI (x86-64-v1 to x86-64-v4), and the
// check that a program meets no processor older than it was built for. Compiled for the oldest.
#ifndef TALA_PROCESSOR_LEVEL_H
#define TALA_PROCESSOR_LEVEL_H

/// The highest level of which this processor, and the system on it, has everything: 1 to 4; 0 for a
/// processor that is no x86-64.
int tala_processor_level(void);

/// The level that the program was built for: it runs on no processor below. 0 where there are no
/// levels.
int tala_built_for_level(void);

/// The first instruction set of a level, or of one below, that this processor lacks; null where it
/// has them all.
const char *_Nullable tala_missing_for_level(int level);

/// The exit status of a program on a processor that it was not built for (EX_CONFIG).
enum { tala_wrong_processor_status = 78 };

/// Ends the process with one sentence and ``tala_wrong_processor_status`` on a processor that lacks
/// what the program was built for. Runs by itself before main in every program that it is linked
/// into; a call links it into one that has no kernels.
void tala_require_processor(void);
#endif
