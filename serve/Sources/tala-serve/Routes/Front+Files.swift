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
    private static let fileLimit = 512 << 20

    private func isFile(_ id: String) -> Bool {
        id.hasPrefix("file-") && id.utf8.count == 31
            && id.utf8.dropFirst(5).allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) }
    }

    /// - Throws: ``APIError`` if there is no such file.
    func uploaded(_ id: String, parameter: String = "file_id") throws(APIError) -> (name: String, object: JSONNode) {
        guard isFile(id), let object = spool.json(spool.path("files", ".meta", id + ".json")) else {
            throw APIError(404, "There is no file \(APIError.shown(JSONNode(id))).", parameter: parameter, code: "not_found")
        }
        return (id + ".jsonl", object)
    }

    func files(_ call: Call) async throws -> Response {
        let names = ((try? FolderListing.names(in: spool.path("files", ".meta"))) ?? []).filter { isFile(String($0.dropLast(5))) }.sorted()
        var all = names.compactMap { spool.json(spool.path("files", ".meta", $0)) }
        if let purpose = call.query("purpose") { all = all.filter { $0["purpose"]?.string == purpose } }
        if call.query("order") != "asc" { all.reverse() }
        return Self.json(try Page(all, call, defaultLimit: 10_000).json)
    }

    func file(_ call: Call) async throws -> Response { Self.json(try uploaded(call.parameters[0]).object) }

    func fileContent(_ call: Call) async throws -> Response {
        let path = spool.path("files", try uploaded(call.parameters[0]).name)
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
        let (name, object) = try uploaded(call.parameters[0])
        if let id = spool.reader(of: name) {
            throw APIError(409, "The job \(id) reads the file.", parameter: "file_id", code: "file_in_use")
        }
        FolderListing.delete(spool.path("files", ".meta", call.parameters[0] + ".json"))
        FolderListing.delete(spool.path("files", name))
        return Self.json(["id": object["id"] ?? .null, "object": "file", "deleted": true])
    }

    /// Takes a file as multipart form data, straight to the disk.
    func upload(_ call: Call) async throws -> Response {
        guard let boundary = MultipartReader.boundary(call.request.headers[.contentType] ?? "") else {
            throw APIError(400, "The body must be multipart/form-data with a boundary.", parameter: "file", code: "invalid_multipart")
        }
        let id = "file-" + Identifier.ulid()
        let place = spool.path("files", "." + id + ".part")
        guard FileManager.default.createFile(atPath: place, contents: nil, attributes: [.posixPermissions: 0o640]),
            let handle = FileHandle(forWritingAtPath: place)
        else { throw APIError(500, "The spool cannot be written.", code: "spool_error") }
        defer {
            try? handle.close()
            FolderListing.delete(place)
        }
        var reader = MultipartReader(boundary: boundary)
        var count = 0
        for try await part in call.request.body {
            let pieces = try reader.append(Array(part.readableBytesView))
            for piece in pieces {
                count += piece.count
                guard count <= Self.fileLimit else {
                    throw APIError(413, "The file has more than \(Self.fileLimit) bytes.", parameter: "file", code: "file_too_large")
                }
                do { try handle.write(contentsOf: piece) } catch { throw APIError(507, "The disk is full.", code: "no_space") }
            }
        }
        try reader.finish()
        guard let filename = reader.filename else {
            throw APIError(400, "file is missing.", parameter: "file", code: "missing_required_parameter")
        }
        let purpose = reader.fields["purpose"] ?? ""
        guard ["fine-tune", "user_data"].contains(purpose) else {
            throw APIError(
                400, "purpose is \(APIError.shown(JSONNode(purpose))), but must be fine-tune.", parameter: "purpose", code: "invalid_value")
        }
        if let stray = reader.fields.keys.filter({ $0 != "purpose" && !$0.hasPrefix("expires_after") }).min() {
            throw APIError(400, "Unrecognized field \(APIError.shown(JSONNode(stray))).", parameter: stray, code: "unknown_parameter")
        }
        let created = Int(Date().timeIntervalSince1970)
        let expires = try FileExpiry.seconds(reader.fields).map { JSONNode(created + $0) }
        let object: JSONNode = [
            "id": JSONNode(id), "object": "file", "bytes": JSONNode(count), "created_at": JSONNode(created), "expires_at": expires ?? .null,
            "filename": JSONNode(filename), "purpose": JSONNode(purpose), "status": "processed", "status_details": nil,
        ]
        do {
            try? DurableFiles.makeFolder(spool.path("files", ".meta"), mode: 0o750)
            try handle.synchronize()
            try DurableFiles.rename(place, to: spool.path("files", id + ".jsonl"))
        } catch { throw APIError(500, "The spool cannot be written.", code: "spool_error") }
        try spool.write(JSONWriter().string(object) + "\n", spool.path("files", ".meta", id + ".json"), mode: 0o640)
        return Self.json(object)
    }
}
