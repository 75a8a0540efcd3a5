import Foundation
import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import ServingAPI
import Storage

/// Uploaded files: `files/file-ID.jsonl`, and beside it what was said of it.
extension Front {
    /// Bytes of a file at most.
    static let fileLimit = 512 << 20

    private func isFile(_ id: String) -> Bool {
        id.hasPrefix("file-") && id.utf8.count == 31
            && id.utf8.dropFirst(5).allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) }
    }

    /// - Throws: ``APIError`` if there is no such file for whoever asks.
    func uploaded(
        _ id: String, _ asker: KeyStore.Asker, parameter: String = "file_id"
    ) throws(APIError) -> (name: String, object: JSONNode) {
        guard isFile(id), let object = spool.json(spool.path("files", ".meta", id + ".json")), asker.maySee(object["owner"]?.string) else {
            throw APIError(404, "There is no file \(APIError.shown(JSONNode(id))).", parameter: parameter, code: "not_found")
        }
        return (id + ".jsonl", Self.shown(object))
    }

    /// What is told of a file: not whose it is.
    private static func shown(_ object: JSONNode) -> JSONNode { JSONNode((object.object ?? []).filter { $0.key != "owner" }) }

    func files(_ call: Call) async throws -> Response {
        let names = ((try? FolderListing.names(in: spool.path("files", ".meta"))) ?? []).filter { isFile(String($0.dropLast(5))) }.sorted()
        var all = names.compactMap { spool.json(spool.path("files", ".meta", $0)) }
        all = all.filter { call.asker.maySee($0["owner"]?.string) }.map(Self.shown)
        if let purpose = call.query("purpose") { all = all.filter { $0["purpose"]?.string == purpose } }
        if call.query("order") != "asc" { all.reverse() }
        return Self.json(try Page(all, call, defaultLimit: 10_000).json)
    }

    func file(_ call: Call) async throws -> Response { Self.json(try uploaded(call.parameters[0], call.asker).object) }

    func fileContent(_ call: Call) async throws -> Response {
        let path = spool.path("files", try uploaded(call.parameters[0], call.asker).name)
        guard let handle = FileHandle(forReadingAtPath: path) else { throw APIError(404, "The file's content is gone.", code: "not_found") }
        return Response(
            status: .ok, headers: [.contentType: "application/octet-stream"],
            body: ResponseBody { writer in
                while let data = try handle.read(upToCount: 1 << 18), !data.isEmpty { try await writer.write(ByteBuffer(bytes: data)) }
                try await writer.finish(nil)
            })
    }

    /// Deletes a file, unless a job that has not ended reads it.
    func deleteFile(_ call: Call) async throws -> Response {
        let (name, object) = try uploaded(call.parameters[0], call.asker)
        if let id = spool.reader(of: name) {
            throw APIError(409, "The job \(id) reads the file.", parameter: "file_id", code: "file_in_use")
        }
        FolderListing.delete(spool.path("files", ".meta", call.parameters[0] + ".json"))
        FolderListing.delete(spool.path("files", name))
        return Self.json(["id": object["id"] ?? .null, "object": "file", "deleted": true])
    }

    /// Takes a form's file to a place of the spool, straight to the disk.
    /// - Parameter limit: bytes of the file at most.
    /// - Returns: the form's other fields with the file's name, and the file's bytes.
    /// - Throws: ``APIError``; what has been written stays for the caller to delete.
    func receive(_ call: Call, _ field: String, to handle: FileHandle, limit: Int) async throws -> (form: MultipartReader, bytes: Int) {
        guard let boundary = MultipartReader.boundary(call.request.headers[.contentType] ?? "") else {
            throw APIError(400, "The body must be multipart/form-data with a boundary.", parameter: field, code: "invalid_multipart")
        }
        var reader = MultipartReader(boundary: boundary, fileField: field)
        var count = 0
        try await call.readBody { part in
            for piece in try reader.append(Array(part.readableBytesView)) {
                count += piece.count
                guard count <= limit else {
                    throw APIError(413, "The file has more than \(limit) bytes.", parameter: field, code: "file_too_large")
                }
                do { try handle.write(contentsOf: piece) } catch { throw APIError(507, "The disk is full.", code: "no_space") }
            }
        }
        try reader.finish()
        guard reader.filename != nil else {
            throw APIError(400, "\(field) is missing.", parameter: field, code: "missing_required_parameter")
        }
        return (reader, count)
    }

    /// A new file of the spool that is not to be seen yet.
    /// - Throws: ``APIError``.
    func newFile(_ path: String) throws(APIError) -> FileHandle {
        guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o640]),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw APIError(500, "The spool cannot be written.", code: "spool_error") }
        return handle
    }

    /// - Throws: ``APIError`` unless files are taken for it.
    static func checkPurpose(_ purpose: String) throws(APIError) {
        guard ["fine-tune", "user_data"].contains(purpose) else {
            throw APIError(
                400, "purpose is \(APIError.shown(JSONNode(purpose))), but must be fine-tune.", parameter: "purpose", code: "invalid_value")
        }
    }

    /// Takes a file as multipart form data.
    func upload(_ call: Call) async throws -> Response {
        let id = "file-" + Identifier.ulid()
        let place = spool.path("files", "." + id + ".part")
        let handle = try newFile(place)
        defer {
            try? handle.close()
            FolderListing.delete(place)
        }
        let (form, count) = try await receive(call, "file", to: handle, limit: Self.fileLimit)
        let purpose = form.fields["purpose"] ?? ""
        try Self.checkPurpose(purpose)
        if let stray = form.fields.keys.filter({ $0 != "purpose" && !$0.hasPrefix("expires_after") }).min() {
            throw APIError(400, "Unrecognized field \(APIError.shown(JSONNode(stray))).", parameter: stray, code: "unknown_parameter")
        }
        return Self.json(
            try keep(
                place, handle, id: id, bytes: count, name: form.filename ?? "file", purpose: purpose,
                expiresAfter: try FileExpiry.seconds(form.fields), call.asker))
    }

    /// Gives a file that has come whole its name.
    /// - Returns: its object.
    /// - Throws: ``APIError``.
    func keep(
        _ place: String, _ handle: FileHandle, id: String, bytes: Int, name: String, purpose: String, expiresAfter: Int?,
        _ asker: KeyStore.Asker
    ) throws(APIError) -> JSONNode {
        let created = Int(Date().timeIntervalSince1970)
        let object: JSONNode = [
            "id": JSONNode(id), "object": "file", "bytes": JSONNode(bytes), "created_at": JSONNode(created),
            "expires_at": expiresAfter.map { JSONNode(created + $0) } ?? .null, "filename": JSONNode(name), "purpose": JSONNode(purpose),
            "status": "processed", "status_details": nil,
        ]
        do {
            try? DurableFiles.makeFolder(spool.path("files", ".meta"), mode: 0o750)
            try handle.synchronize()
            try DurableFiles.rename(place, to: spool.path("files", id + ".jsonl"))
        } catch { throw APIError(500, "The spool cannot be written.", code: "spool_error") }
        let owned = asker.owner.map { [JSONMember("owner", JSONNode($0))] } ?? []
        let written = JSONNode((object.object ?? []) + owned)
        try spool.write(JSONWriter().string(written) + "\n", spool.path("files", ".meta", id + ".json"), mode: 0o640)
        return object
    }
}
