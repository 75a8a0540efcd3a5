// What Swift has no words for: the pause of a spinning thread, ordered access to a word shared by
// threads, and the number of threads that OpenMP gives to the calling thread's parallel regions.
#ifndef TALA_PROCESSOR_H
#define TALA_PROCESSOR_H

#include <dlfcn.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Tells the processor that this thread waits for another one.
static inline void tala_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static inline int32_t tala_load_acquire(const int32_t *_Nonnull word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline void tala_store_release(int32_t *_Nonnull word, int32_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }
/// Adds to the word and returns what it was before.
static inline int32_t tala_fetch_add(int32_t *_Nonnull word, int32_t value) { return __atomic_fetch_add(word, value, __ATOMIC_ACQ_REL); }
/// As the two above, in one order with all other accesses of this kind.
static inline int32_t tala_load_ordered(const int32_t *_Nonnull word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static inline void tala_store_ordered(int32_t *_Nonnull word, int32_t value) { __atomic_store_n(word, value, __ATOMIC_SEQ_CST); }

static inline int64_t tala_load_ordered_wide(const int64_t *_Nonnull word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static inline void tala_store_ordered_wide(int64_t *_Nonnull word, int64_t value) { __atomic_store_n(word, value, __ATOMIC_SEQ_CST); }
/// Writes `value` if the word is `expected`; gives 1 if it was.
static inline int tala_exchange_wide(int64_t *_Nonnull word, int64_t expected, int64_t value) {
    return __atomic_compare_exchange_n(word, &expected, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/// Has every parallel region that the calling thread opens from now on run on that thread alone.
/// OpenMP keeps this number for each thread; the function is looked up because oneDNN may be built
/// with any of several OpenMP libraries, or with none.
static inline void tala_use_one_openmp_thread(void) {
    void (*set)(int) = (void (*)(int))dlsym(NULL /* RTLD_DEFAULT */, "omp_set_num_threads");
    if (set) set(1);
}

/// The number of processors that this process may run on (its affinity mask); at least 1.
static inline int tala_processor_count(void) {
    unsigned long mask[128] = {0};
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    int count = 0;
    for (long word = 0; word < bytes / (long)sizeof mask[0]; word++) count += __builtin_popcountl(mask[word]);
    return count > 0 ? count : 1;
}

/// Bytes that the heap has handed out and not got back: for tests of what allocates.
static inline size_t tala_heap_bytes(void) { return mallinfo2().uordblks; }
#endif
