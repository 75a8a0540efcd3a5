#ifndef TALA_CLINUX_H
#define TALA_CLINUX_H
// Linux interfaces that the Glibc module does not show.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// O_PATH is hidden without _GNU_SOURCE, which would change other definitions.
static const int tala_o_path = 010000000;

static inline int tala_openat2(int directory, const char *path, const struct open_how *how) {
    return (int)syscall(SYS_openat2, directory, path, how, sizeof *how);
}
static inline int tala_open(const char *path, int flags, unsigned mode) { return open(path, flags, mode); }
static inline int tala_openat(int directory, const char *path, int flags, unsigned mode) { return openat(directory, path, flags, mode); }
// fallocate(2) without the size: what is not written yet is not part of the file. 1 is FALLOC_FL_KEEP_SIZE.
static inline int tala_fallocate(int file, long count) { return (int)syscall(SYS_fallocate, file, 1, 0L, count); }
// FICLONE: the new file shares the old one's blocks until one of them is changed (btrfs, xfs).
static inline int tala_clone(int to, int from) { return ioctl(to, 0x40049409, from); }
static inline int tala_set_parent_death_signal(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }
static inline int tala_set_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
#endif
