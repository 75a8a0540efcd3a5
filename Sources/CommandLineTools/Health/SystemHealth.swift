import CLinux
import Glibc
import Spool
import Storage

/// What the kernel, the processor and the clock give.
package enum SystemHealth {
    package static func checks() -> [HealthCheck] { [kernel, landlock, openat2, processor, memory, clock, groups] }

    /// Those, and the drivers', which name neither users nor their groups.
    package static var anonymousChecks: [HealthCheck] { checks().filter { $0.name != "groups" } + DriverHealth.checks() }

    private static var kernel: HealthCheck {
        var name = utsname()
        guard uname(&name) == 0 else { return HealthCheck("kernel", .warning, "uname: \(String(cString: strerror(errno)))") }
        return HealthCheck("kernel", .fine, "\(text(name.sysname)) \(text(name.release)), \(text(name.machine))")
    }

    private static var landlock: HealthCheck {
        let version = tala_landlock_version()
        guard version > 0 else {
            if errno == EPERM {
                return HealthCheck(
                    "Landlock", .warning, "a sandbox around this program forbids it: workers are guarded by permissions alone",
                    remedy:
                        "allow landlock_create_ruleset, landlock_add_rule and landlock_restrict_self, in a container for example by its seccomp profile"
                )
            }
            return HealthCheck(
                "Landlock", .warning, "the kernel does not have it: workers are guarded by permissions alone",
                remedy: "use a kernel from 5.13 on with landlock in its list of security modules (lsm=)")
        }
        return HealthCheck("Landlock", .fine, "version \(version)")
    }

    private static var openat2: HealthCheck {
        var how = open_how(flags: UInt64(O_RDONLY | O_CLOEXEC), mode: 0, resolve: 0)
        let descriptor = tala_openat2(AT_FDCWD, "/", &how)
        guard descriptor >= 0 else {
            return HealthCheck(
                "openat2", .warning, "\(String(cString: strerror(errno))): paths are opened step by step instead",
                remedy: "use a kernel from 5.6 on, and a sandbox that allows the call")
        }
        close(descriptor)
        return HealthCheck("openat2", .fine, "files are opened beneath their roots")
    }

    private static var processor: HealthCheck {
        let text = (try? DurableFiles.read("/proc/cpuinfo", limit: 4 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let lines = text.split(separator: "\n")
        func field(_ name: String) -> String? {
            lines.first { $0.hasPrefix(name) }?.split(separator: ":", maxSplits: 1).last.map { String($0.drop { $0 == " " }) }
        }
        let flags = Set((field("flags") ?? "").split(separator: " ").map(String.init))
        let model = "\(sysconf(Int32(_SC_NPROCESSORS_ONLN))) processors, \(field("model name") ?? "unknown model")"
        if flags.contains("avx512f") {
            return HealthCheck("processor", .fine, model + ", AVX-512" + (flags.contains("avx512_bf16") ? " with bfloat16" : ""))
        }
        if flags.contains("avx2") { return HealthCheck("processor", .fine, model + ", AVX2") }
        return HealthCheck("processor", .warning, model + ", neither AVX2 nor AVX-512: training on the processor is slow")
    }

    private static var memory: HealthCheck {
        let text = (try? DurableFiles.read("/proc/meminfo", limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        func mebibytes(_ name: String) -> Int? {
            text.split(separator: "\n").first { $0.hasPrefix(name + ":") }.flatMap { line in
                line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 / 1024 }
            }
        }
        guard let free = mebibytes("MemAvailable"), let total = mebibytes("MemTotal") else {
            return HealthCheck("memory", .warning, "/proc/meminfo does not say")
        }
        let finding = "\(free) of \(total) MiB available"
        guard free < 1024 else { return HealthCheck("memory", .fine, finding) }
        return HealthCheck("memory", .warning, finding, remedy: "give manifests a memory_limit, or end other programs")
    }

    /// Job ids and `not_before` come from the wall clock.
    private static var clock: HealthCheck {
        let now = time(nil)
        // 2025-01-01 and 2100-01-01.
        guard now > 1_735_689_600, now < 4_102_444_800 else {
            return HealthCheck("clock", .failure, "says \(EventText.stamp(now))", remedy: "set it: timedatectl set-ntp true")
        }
        return HealthCheck("clock", .fine, EventText.stamp(now))
    }

    /// Of this process: a group that was given after the log-in is not among them.
    private static var groups: HealthCheck {
        var list = [gid_t](repeating: 0, count: 1024)
        let count = getgroups(Int32(list.count), &list)
        let names = Set(list.prefix(max(0, Int(count))) + [getegid()]).sorted().map { id in
            SystemAccounts.name(ofGroup: id) ?? "\(id)"
        }
        return HealthCheck("groups", .fine, "you are in \(names.joined(separator: ", "))")
    }

    private static func text<T>(_ field: T) -> String {
        withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
