#ifndef TALA_CLINUX_H
#define TALA_CLINUX_H
// Linux interfaces that the Glibc module does not show.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// O_PATH is hidden without _GNU_SOURCE, which would change other definitions.
static const int tala_o_path = 010000000;

static inline int tala_openat2(int directory, const char *path, const struct open_how *how) {
    return (int)syscall(SYS_openat2, directory, path, how, sizeof *how);
}
static inline int tala_open(const char *path, int flags, unsigned mode) { return open(path, flags, mode); }
static inline int tala_openat(int directory, const char *path, int flags, unsigned mode) { return openat(directory, path, flags, mode); }
static inline int tala_set_parent_death_signal(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }
static inline int tala_set_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
#endif
