import Glibc
import Storage

/// A hub and the token for it, as the environment has them: the variables and files of Hugging
/// Face's own tools.
package struct HubEndpoint: Sendable {
    package let address: WebAddress
    /// Nil: requests are made without one.
    package let token: String?

    package static let standard = "https://huggingface.co"

    /// - Parameter environment: the variables; the file of the token is looked for where they say.
    /// - Throws: ``HubError``, and ``StorageError`` if a token's file is there and cannot be read.
    package init(environment: (String) -> String? = HubEndpoint.variable) throws {
        let text = environment("HF_ENDPOINT") ?? Self.standard
        guard let address = WebAddress(text) else { throw HubError.badEndpoint(text) }
        self.address = address
        if let token = environment("HF_TOKEN") {
            self.token = try Self.checked(token, "HF_TOKEN")
        } else {
            let file = Self.tokenFile(environment)
            token = try file.flatMap { try Self.token(inFile: $0) }
        }
    }

    /// A variable that is set and not empty.
    package static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    private static func tokenFile(_ environment: (String) -> String?) -> String? {
        if let path = environment("HF_TOKEN_PATH") { return path }
        if let folder = environment("HF_HOME") { return folder + "/token" }
        if let folder = environment("XDG_CACHE_HOME") { return folder + "/huggingface/token" }
        return environment("HOME").map { $0 + "/.cache/huggingface/token" }
    }

    private static func token(inFile path: String) throws -> String? {
        let bytes: [UInt8]
        do throws(StorageError) { bytes = try DurableFiles.read(path, limit: 1 << 16) } catch {
            if error.isMissing || error.errorNumber == ENOTDIR { return nil }
            throw error
        }
        let text = String(decoding: bytes, as: UTF8.self)
        return text.allSatisfy(\.isWhitespace) ? nil : try checked(text, path)
    }

    /// The token without the line's end. What could end a request's field is refused.
    private static func checked(_ text: String, _ place: String) throws -> String {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 1, let token = words.first, token.utf8.count <= 1024,
            token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") })
        else { throw HubError.badToken(place: place) }
        return String(token)
    }

    /// The token for a request: for the hub itself alone, and not where others could read it.
    func token(for origin: WebAddress.Origin) -> String? {
        origin == address.origin && !origin.isOpenToOthers ? token : nil
    }
}
