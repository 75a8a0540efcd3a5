#ifndef TALA_CLINUX_H
#define TALA_CLINUX_H
// Linux interfaces that the Glibc module does not show.
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

// O_PATH is hidden without _GNU_SOURCE, which would change other definitions.
static const int tala_o_path = 010000000;

static inline int tala_openat2(int directory, const char *path, const struct open_how *how) {
    return (int)syscall(SYS_openat2, directory, path, how, sizeof *how);
}
static inline int tala_open(const char *path, int flags, unsigned mode) { return open(path, flags, mode); }
static inline int tala_openat(int directory, const char *path, int flags, unsigned mode) { return openat(directory, path, flags, mode); }
// fallocate(2) without the size: what is not written yet is not part of the file. 1 is
// FALLOC_FL_KEEP_SIZE.
static inline int tala_fallocate(int file, long count) { return (int)syscall(SYS_fallocate, file, 1, 0L, count); }
// FICLONE: the new file shares the old one's blocks until one of them is changed (btrfs, xfs).
static inline int tala_clone(int to, int from) { return ioctl(to, 0x40049409, from); }
// Both ends are closed in programs that are started: 02000000 is O_CLOEXEC.
static inline int tala_pipe(int ends[2]) { return (int)syscall(SYS_pipe2, ends, 02000000); }
// A file in memory without a name; 1 is MFD_CLOEXEC.
static inline int tala_memory_file(const char *name) { return (int)syscall(SYS_memfd_create, name, 1); }
// The same for several processes to map, whose size can be kept from shrinking; 2 is
// MFD_ALLOW_SEALING.
static inline int tala_shared_memory_file(const char *name) { return (int)syscall(SYS_memfd_create, name, 1 | 2); }
// Another process's, by its entry in /proc.
static inline int tala_open_memory_file(const char *entry) { return open(entry, O_RDWR | O_CLOEXEC); }
static inline int tala_set_memory_file_size(int file, off_t bytes) { return ftruncate(file, bytes); }
// Nobody can make the file smaller any more: what is mapped stays there. F_ADD_SEALS and
// F_SEAL_SHRINK are hidden without _GNU_SOURCE.
static inline int tala_forbid_shrinking(int file) { return fcntl(file, 1033, 2); }
// What this process has written before is seen by those who see what it writes afterwards.
static inline void tala_memory_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline int tala_set_parent_death_signal(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }
static inline int tala_set_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
// The processors that this process may run on, a bit each: the bytes that were written, or -1.
static inline long tala_processor_mask(uint64_t *mask, size_t bytes) { return syscall(SYS_sched_getaffinity, 0, bytes, mask); }
// A descriptor that becomes readable when the process ends.
static inline int tala_pidfd_open(int process) { return (int)syscall(SYS_pidfd_open, process, 0); }

// Whether no process has the file open for writing: 0 yes; else -1 and errno, EAGAIN if one has. A
// read lease is taken and given back.
static inline int tala_has_no_writer(int descriptor) {
    // F_SETLEASE is hidden without _GNU_SOURCE.
    const int set_lease = 1024;
    if (fcntl(descriptor, set_lease, F_RDLCK) != 0) return -1;
    fcntl(descriptor, set_lease, F_UNLCK);
    return 0;
}

// Landlock (landlock(7)). Debian 12's headers know an older one than many kernels have, so numbers
// and structures stand here.
struct tala_landlock_ruleset { uint64_t files, network, scopes; };
struct tala_landlock_path_rule { uint64_t allowed; int32_t parent; } __attribute__((packed));
// The version that the kernel has, or -1.
static inline int tala_landlock_version(void) { return (int)syscall(444, NULL, 0, 1); }
static inline int tala_landlock_create(const struct tala_landlock_ruleset *ruleset, size_t size) { return (int)syscall(444, ruleset, size, 0); }
static inline int tala_landlock_allow(int ruleset, const struct tala_landlock_path_rule *rule) { return (int)syscall(445, ruleset, 1, rule, 0); }
static inline int tala_landlock_restrict(int ruleset) { return (int)syscall(446, ruleset, 0); }

// Forbids this process and its children for good: sockets other than local ones, and the calls by
// which processes look into others or reach parts of the kernel that training has no use for. 0, or
// -1 and errno.
static inline int tala_forbid_calls(void) {
#if defined(__x86_64__)
    const uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
    const uint32_t architecture = AUDIT_ARCH_AARCH64;
#else
    errno = ENOSYS;
    return -1;
#endif
#define TALA_REFUSE(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#if defined(__x86_64__)
        // The x32 numbers would go around the comparisons below.
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
#endif
        TALA_REFUSE(SYS_ptrace), TALA_REFUSE(SYS_process_vm_readv), TALA_REFUSE(SYS_process_vm_writev), TALA_REFUSE(SYS_bpf),
        TALA_REFUSE(SYS_perf_event_open), TALA_REFUSE(SYS_mount), TALA_REFUSE(SYS_umount2), TALA_REFUSE(SYS_unshare), TALA_REFUSE(SYS_setns),
        TALA_REFUSE(SYS_pivot_root), TALA_REFUSE(SYS_chroot), TALA_REFUSE(SYS_keyctl), TALA_REFUSE(SYS_add_key), TALA_REFUSE(SYS_request_key),
        TALA_REFUSE(SYS_userfaultfd), TALA_REFUSE(SYS_kexec_load), TALA_REFUSE(SYS_init_module), TALA_REFUSE(SYS_finit_module),
        // A ring would make sockets without the call below.
        TALA_REFUSE(SYS_io_uring_setup), TALA_REFUSE(SYS_io_uring_enter), TALA_REFUSE(SYS_io_uring_register),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1 /* AF_UNIX */, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof program[0], program};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

// Forbids this process and its children for good to make further sockets or connections, local ones
// too; those that are there stay. It comes after the filter above, which knows the architecture. 0,
// or -1 and errno.
static inline int tala_forbid_connections(void) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        TALA_REFUSE(SYS_socket), TALA_REFUSE(SYS_connect), TALA_REFUSE(SYS_bind), TALA_REFUSE(SYS_listen),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof program[0], program};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}
#undef TALA_REFUSE
#endif
