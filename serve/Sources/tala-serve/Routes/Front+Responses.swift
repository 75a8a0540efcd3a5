import Foundation
import Hummingbird
import ServingAPI

extension Front {
    /// `/v1/responses`, of which nothing is kept.
    func responses(_ call: Call) async throws -> Response {
        let request = try ResponsesRequest(try await call.json())
        let form = ResponsesForm(request, id: "resp_" + Identifier.ulid(), created: Int(Date().timeIntervalSince1970))
        return try await text(call, request.text, form)
    }
}
