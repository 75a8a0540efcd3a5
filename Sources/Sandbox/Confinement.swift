import CLinux
import Glibc
package import Spool
import Storage
import Tensors

/// What a worker takes from itself before it opens a user's files.
package enum Confinement {
    /// Dies with the daemon (by SIGTERM, so with a checkpoint), gains no rights, and is the first
    /// to go when memory runs out.
    /// - Parameter parent: the daemon's process; if it is gone already, no signal will end this
    ///   process.
    package static func bindToParent(_ parent: Int32? = nil) {
        _ = tala_set_parent_death_signal(SIGTERM)
        if let parent, getppid() != parent { kill(getpid(), SIGTERM) }
        _ = tala_set_no_new_privileges()
        ProcessSettings.write("700", to: "/proc/self/oom_score_adj")
    }

    /// How far the kernel let this process confine itself.
    package struct Report: Sendable, Hashable {
        /// Landlock's version, or nil: files are not confined.
        package var landlockVersion: Int?
        /// Whether sockets other than local ones and calls like ptrace are forbidden.
        package var forbidsCalls = false
        /// Set by TALA_CONFINEMENT=off.
        package var isOff = false

        package var description: String {
            if isOff { return "not confined (TALA_CONFINEMENT=off)" }
            let files =
                landlockVersion.map { "files confined (Landlock \($0))" }
                ?? "files not confined (no Landlock: the kernel lacks it, or a sandbox forbids it)"
            return files + (forbidsCalls ? ", no network" : ", network not forbidden (the kernel has no seccomp)")
        }
        package var isComplete: Bool { landlockVersion != nil && forbidsCalls }
    }

    /// Leaves this process what the job needs: to read the system, the model and the data, to write
    /// the job's folder, caches and devices.
    ///
    /// The wide part (drivers, libraries, `/proc`, `/sys`) holds nothing of users; what a user's
    /// file could trick the worker into reading or writing is left out.
    /// - Parameter acceptance: names the model and the data.
    @discardableResult
    package static func confine(_ folder: JobFolder, _ acceptance: JobAcceptance) -> Report {
        var report = Report()
        if getenv("TALA_CONFINEMENT").map({ String(cString: $0) }) == "off" {
            report.isOff = true
            return report
        }
        limitFileSizes(acceptance)
        _ = tala_set_no_new_privileges()
        if var rules = LandlockRules() {
            for path in SystemPaths.readable { rules.allow(path, .read) }
            for path in SystemPaths.writable { rules.allow(path, .write) }
            rules.allow(folder.path, .write)
            for path in modelPaths(acceptance.modelPath) + modelPaths(acceptance.comparisonPath) { rules.allow(path, .read) }
            let sources = [acceptance.training, acceptance.validation, acceptance.initialAdapter].compactMap { $0?.path }
            for path in sources { rules.allow(path, .read) }
            if rules.enforce() { report.landlockVersion = rules.version }
        }
        report.forbidsCalls = tala_forbid_calls() == 0
        return report
    }

    /// Leaves this process what answering needs: to read the system and some folders, to write
    /// caches and devices. Nothing that a request says can make it read or write anything else.
    /// - Parameter paths: folders of models and adapters.
    @discardableResult
    package static func confineReader(_ paths: [String]) -> Report {
        var report = Report()
        if getenv("TALA_CONFINEMENT").map({ String(cString: $0) }) == "off" {
            report.isOff = true
            return report
        }
        _ = tala_set_no_new_privileges()
        if var rules = LandlockRules() {
            for path in SystemPaths.readable { rules.allow(path, .read) }
            for path in SystemPaths.writable { rules.allow(path, .write) }
            for path in paths { for linked in linkedPaths(path) { rules.allow(linked, .read) } }
            if rules.enforce() { report.landlockVersion = rules.version }
        }
        report.forbidsCalls = tala_forbid_calls() == 0
        return report
    }

    /// Leaves this process the connections that it has, and no others: not even a local one to a
    /// service that hands out credentials. For one of several processes, once it is confined.
    /// - Parameter report: of its confinement; where that is off or impossible, so is this.
    /// - Returns: what has to be said where the kernel refuses; nil if all is well.
    package static func keepConnections(_ report: Report) -> String? {
        guard !report.isOff, report.forbidsCalls, tala_forbid_connections() != 0 else { return nil }
        return "it can still make connections on this host: \(String(cString: strerror(errno)))"
    }

    /// The model's folder, and the files that links in it lead to: a download cache keeps weights
    /// elsewhere.
    private static func modelPaths(_ model: String?) -> [String] { model.map(linkedPaths) ?? [] }

    private static func linkedPaths(_ model: String) -> [String] {
        var paths = GGUFNames.files(of: model)
        for name in (try? FolderListing.names(in: model)) ?? [] {
            let path = model + "/" + name
            var status = stat()
            guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK, let real = realpath(path, nil) else { continue }
            paths.append(String(cString: real))
            free(real)
        }
        return paths
    }

    /// No file that the worker writes can be larger than what the job could need: its largest are
    /// moments in float32 of a model in 16 bits or fewer.
    private static func limitFileSizes(_ acceptance: JobAcceptance) {
        func size(_ path: String?) -> UInt64 {
            guard let path else { return 0 }
            var status = stat()
            guard stat(path, &status) == 0 else { return 0 }
            guard status.st_mode & S_IFMT == S_IFDIR else {
                return GGUFNames.files(of: path).reduce(0) { $0 &+ UInt64(max(0, FolderListing.byteCount($1) ?? 0)) }
            }
            return ((try? FolderListing.names(in: path)) ?? []).reduce(0) { sum, name in
                var status = stat()
                guard stat(path + "/" + name, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return sum }
                return sum &+ UInt64(max(0, status.st_size))
            }
        }
        let data = max(size(acceptance.training.path), size(acceptance.validation?.path), size(acceptance.initialAdapter?.path))
        let (models, overflows) = size(acceptance.modelPath).multipliedReportingOverflow(by: 8)
        guard !overflows else { return }
        let limit = rlim_t(models &+ data &+ (16 << 30))
        // A write beyond it is to be an error, not the end of the process.
        signal(SIGXFSZ, SIG_IGN)
        var limits = rlimit(rlim_cur: limit, rlim_max: limit)
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limits)
    }
}
