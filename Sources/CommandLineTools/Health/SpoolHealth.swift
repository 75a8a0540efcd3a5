import Glibc
import JSON
import Jobs
import Manifest
package import Spool
import Storage

/// What a spool needs: its folders, rights in them, room, a daemon, and a policy that can be read.
package struct SpoolHealth {
    let layout: SpoolLayout
    let policyFile: String

    /// The version of the program that asks.
    let version: String?

    package init(_ layout: SpoolLayout, policyFile: String, version: String? = nil) {
        self.layout = layout
        self.policyFile = policyFile
        self.version = version
    }

    package func checks() -> [HealthCheck] {
        guard FolderListing.exists(layout.jobs) || FolderListing.exists(layout.incoming) else {
            return [
                HealthCheck(
                    "spool", .failure, "\(layout.root) is not there, or is not a spool",
                    remedy: "start a daemon on one: talad --spool \(layout.root); or name another with --spool or TALA_SPOOL"),
                policy,
            ]
        }
        return [rights, room, daemon, models, policy] + ServiceHealth(layout).checks()
    }

    private var rights: HealthCheck {
        for folder in [layout.incoming, layout.control] where access(folder, W_OK | X_OK) != 0 {
            return HealthCheck("spool", .failure, "you may not write into \(folder)", remedy: "as root" + FolderGroup.remedy(folder))
        }
        return HealthCheck("spool", .fine, "\(layout.root), \(JobListing.ids(layout).count) jobs")
    }

    private var room: HealthCheck {
        var information = statvfs()
        guard statvfs(layout.root, &information) == 0 else {
            return HealthCheck("disk", .warning, "\(layout.root): \(String(cString: strerror(errno)))")
        }
        let bytes = UInt64(information.f_bavail).multipliedReportingOverflow(by: UInt64(information.f_frsize))
        let mebibytes = bytes.overflow ? UInt64.max >> 20 : bytes.partialValue >> 20
        let finding = "\(mebibytes) MiB free for checkpoints and results"
        guard mebibytes < 1024 else { return HealthCheck("disk", .fine, finding) }
        return HealthCheck(
            "disk", .warning, finding, remedy: "make room: jobs pause with the reason disk_full; tala delete removes ended jobs")
    }

    private var daemon: HealthCheck {
        guard DaemonPresence(layout).isRunning else {
            return HealthCheck(
                "daemon", .failure, "none works on \(layout.root)",
                remedy: "systemctl enable --now talad, or for a private spool: talad --spool \(layout.root) &")
        }
        let node = (try? DurableFiles.read(layout.daemonFile, limit: 1 << 20)).flatMap { try? JSONParser().parse($0) }
        let heartbeat = node?["heartbeat"]?.integer ?? 0
        let devices = node?["devices"]?.array?.compactMap { $0["device"]?.string }.joined(separator: ", ") ?? "?"
        let silence = time(nil) - heartbeat
        guard silence < 60 else {
            return HealthCheck(
                "daemon", .warning, "gave no sign of life for \(JobTable.age(silence))", remedy: "look at journalctl -u talad")
        }
        let found = node?["version"]?.string ?? "?"
        if let version, found != version {
            return HealthCheck(
                "daemon", .warning, "has the version \(found), this program \(version)",
                remedy: "systemctl restart talad: running jobs write a checkpoint and go on")
        }
        return HealthCheck("daemon", .fine, "version \(found), runs jobs on \(devices)")
    }

    private var models: HealthCheck {
        let names = layout.modelNames
        guard names.isEmpty else { return HealthCheck("models", .fine, names.prefix(10).joined(separator: ", ")) }
        return HealthCheck(
            "models", .warning, "\(layout.models) has none", remedy: "tala models pull OWNER/NAME, or copy a Hugging Face folder into it")
    }

    private var policy: HealthCheck {
        let bytes: [UInt8]
        do throws(StorageError) { bytes = try DurableFiles.read(policyFile, limit: 1 << 20) } catch {
            if error.isMissing { return HealthCheck("policy", .fine, "\(policyFile) is not there: the built-in roles hold") }
            return HealthCheck("policy", .warning, "\(error)")
        }
        do {
            _ = try Policy(ManifestText(bytes, isYAML: !policyFile.hasSuffix(".json")))
            return HealthCheck("policy", .fine, policyFile)
        } catch {
            return HealthCheck("policy", .failure, "\(policyFile): \(error)", remedy: "correct it: talad does not start with it")
        }
    }
}
