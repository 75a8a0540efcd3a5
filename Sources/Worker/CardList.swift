import Devices
package import JSON

/// The cards of this host, for a daemon that is told to use all of them: it opens no driver itself.
package enum CardList {
    /// `[{"device": "vulkan:0", "kind": "…"}]`: each card's word, and what must be that of another
    /// for both to carry one job.
    package static var json: JSONNode {
        JSONNode(Devices.cards().map { ["device": JSONNode($0.selector), "kind": JSONNode($0.kind)] })
    }
}
