import Glibc
package import Spool
import Storage

/// What the daemon's user may do, as opposed to who asks: the spool, the models in it, and the
/// nodes of graphics processors.
package struct ServiceHealth {
    private let layout: SpoolLayout
    private let user: ServiceUser?
    /// Paths that systemd hides from the daemon (`ProtectHome=`).
    private let hidden = ["/home/", "/root/", "/run/user/"]

    package init(_ layout: SpoolLayout, user: ServiceUser? = nil) {
        self.layout = layout
        self.user = user ?? ServiceUser(of: layout)
    }

    package func checks() -> [HealthCheck] {
        guard let user else { return [] }
        return [folders(user), models(user), nodes(user)]
    }

    private func folders(_ user: ServiceUser) -> HealthCheck {
        let own: ServiceUser.Rights = [.read, .write, .pass]
        for folder in [layout.root] + layout.folders where FolderListing.exists(folder) {
            let wanted = folder == layout.models || folder == layout.files ? [.read, .pass] : own
            guard let obstacle = user.obstacle(to: folder, wanted) else { continue }
            return HealthCheck(
                "service user", .failure, obstacle,
                remedy: "systemd-tmpfiles --create sets the spool's modes; folders above it need x for \(user.name)")
        }
        return HealthCheck("service user", .fine, "\(user.name) may use every folder of the spool")
    }

    /// Models may be links to another disk.
    private func models(_ user: ServiceUser) -> HealthCheck {
        for name in (try? FolderListing.names(in: layout.models)) ?? [] where !name.hasPrefix(".") {
            let path = layout.models + "/" + name
            let isFolder = FolderListing.isFolder(path)
            if let obstacle = user.obstacle(to: path, isFolder ? [.read, .pass] : .read) {
                return HealthCheck("service models", .warning, obstacle, remedy: "as root: chmod -R a+rX on the folder that is named")
            }
            guard let real = realpath(path, nil) else { continue }
            defer { free(real) }
            let target = String(cString: real)
            if user.id != getuid(), !target.hasPrefix(layout.root), hidden.contains(where: { target.hasPrefix($0) }) {
                return HealthCheck(
                    "service models", .warning, "\(path) is a link to \(target), which the unit hides (ProtectHome=yes)",
                    remedy: "keep models outside of /home, or systemctl edit talad: ProtectHome=read-only")
            }
        }
        return HealthCheck("service models", .fine, "\(user.name) may read all of \(layout.models)")
    }

    private func nodes(_ user: ServiceUser) -> HealthCheck {
        let folder = "/dev/dri"
        let nodes = ((try? FolderListing.names(in: folder)) ?? []).filter { $0.hasPrefix("renderD") }.map { folder + "/" + $0 }
        guard !nodes.isEmpty else { return HealthCheck("service devices", .fine, "no \(folder)/renderD*") }
        for node in nodes {
            guard let obstacle = user.obstacle(to: node, [.read, .write]) else { continue }
            return HealthCheck(
                "service devices", .warning, obstacle,
                remedy: "systemctl edit talad: SupplementaryGroups= with the node's group; then systemctl restart talad")
        }
        return HealthCheck("service devices", .fine, "\(user.name) may use \(nodes.joined(separator: ", "))")
    }
}
