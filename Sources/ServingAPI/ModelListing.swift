package import JSON

/// The `model` objects of `/v1/models`.
package enum ModelListing {
    package static func model(_ name: String, created: Int, tala: JSONNode) -> JSONNode {
        ["id": JSONNode(name), "object": "model", "created": JSONNode(created), "owned_by": "tala", "tala": tala]
    }

    package static func list(_ models: [JSONNode]) -> JSONNode { ["object": "list", "data": JSONNode(models)] }
}
