import Foundation
import Hummingbird
import JSON
import NIOCore
import ServingAPI
import Storage

/// Files that come in parts, for proxies that take no large bodies: `files/.uploads/ID/` holds what
/// was said of the file, and its parts under their own ids.
extension Front {
    /// Bytes of a part at most.
    private static let partLimit = 64 << 20
    /// Parts of a file at most: of the smallest a megabyte, so that there are not too many.
    private static let partCountLimit = 1_024
    /// Uploads of one key that may be open.
    private static let openLimit = 16
    /// Seconds that an upload may take.
    private static let time = 3_600

    private static func isID(_ id: String, _ prefix: String) -> Bool {
        id.hasPrefix(prefix) && id.utf8.count == prefix.utf8.count + 26
            && id.utf8.dropFirst(prefix.utf8.count).allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) }
    }

    private func folder(_ id: String) -> String { spool.path("files", ".uploads", id) }

    /// - Throws: ``APIError`` if there is no such upload for whoever asks.
    private func upload(_ id: String, _ call: Call) throws(APIError) -> JSONNode {
        guard Self.isID(id, "upload_"), let object = spool.json(folder(id) + "/upload.json"), call.asker.maySee(object["owner"]?.string)
        else {
            throw APIError(404, "There is no upload \(APIError.shown(JSONNode(id))).", parameter: "upload_id", code: "not_found")
        }
        return object
    }

    /// An upload that takes parts.
    private func openUpload(_ call: Call) throws(APIError) -> (id: String, object: JSONNode) {
        let id = call.parameters[0]
        let object = try upload(id, call)
        let state = object["status"]?.string ?? ""
        let isLate = object["expires_at"]?.double ?? 0 <= Date().timeIntervalSince1970
        guard state == "pending", !isLate else {
            throw APIError(
                409, "The upload is \(isLate && state == "pending" ? "expired" : state).", parameter: "upload_id", code: "wrong_state")
        }
        return (id, object)
    }

    private static func shown(_ object: JSONNode, file: JSONNode = nil) -> JSONNode {
        JSONNode((object.object ?? []).filter { $0.key != "owner" && $0.key != "expires_after" } + [JSONMember("file", file)])
    }

    private static func with(_ object: JSONNode, status: String) -> JSONNode {
        JSONNode((object.object ?? []).map { $0.key == "status" ? JSONMember("status", JSONNode(status)) : $0 })
    }

    private func write(_ object: JSONNode, _ id: String) throws(APIError) {
        try spool.write(JSONWriter().string(object) + "\n", folder(id) + "/upload.json", mode: 0o640)
    }

    /// `POST /v1/uploads`.
    func createUpload(_ call: Call) async throws -> Response {
        let request = try UploadRequest(try await call.json(), limit: Self.fileLimit)
        try Self.checkPurpose(request.purpose)
        let names = ((try? FolderListing.names(in: spool.path("files", ".uploads"))) ?? []).filter { Self.isID($0, "upload_") }
        let open = names.filter { name in
            let object = spool.json(folder(name) + "/upload.json")
            return object?["status"]?.string == "pending" && object?["owner"]?.string == call.asker.owner
        }
        guard open.count < Self.openLimit else {
            throw APIError(429, "\(open.count) uploads are open: complete or cancel one.", code: "too_many_uploads", retryAfter: 60)
        }
        let id = "upload_" + Identifier.ulid()
        let created = Int(Date().timeIntervalSince1970)
        var members: [JSONMember] = [
            JSONMember("id", JSONNode(id)), JSONMember("object", "upload"), JSONMember("bytes", JSONNode(request.bytes)),
            JSONMember("created_at", JSONNode(created)), JSONMember("filename", JSONNode(request.filename)),
            JSONMember("purpose", JSONNode(request.purpose)), JSONMember("status", "pending"),
            JSONMember("expires_at", JSONNode(created + Self.time)),
        ]
        if let seconds = request.expiresAfter { members.append(JSONMember("expires_after", JSONNode(seconds))) }
        if let owner = call.asker.owner { members.append(JSONMember("owner", JSONNode(owner))) }
        do {
            try? DurableFiles.makeFolder(spool.path("files", ".uploads"), mode: 0o750)
            try DurableFiles.makeFolder(folder(id), mode: 0o750)
        } catch { throw APIError(500, "The spool cannot be written.", code: "spool_error") }
        try write(JSONNode(members), id)
        return Self.json(Self.shown(JSONNode(members)))
    }

    /// `POST /v1/uploads/ID/parts`: a form with the field `data`.
    func addPart(_ call: Call) async throws -> Response {
        let (id, object) = try openUpload(call)
        let known = try FolderListing.names(in: folder(id)).filter { Self.isID($0, "part_") }
        guard known.count < Self.partCountLimit else {
            throw APIError(400, "An upload has at most \(Self.partCountLimit) parts.", parameter: "data", code: "too_many_parts")
        }
        // Parts that are there already may be left out in the end, but they take room.
        let room = 2 * (object["bytes"]?.integer ?? 0) - known.reduce(0) { $0 + (FolderListing.byteCount(folder(id) + "/" + $1) ?? 0) }
        let part = "part_" + Identifier.ulid()
        let place = folder(id) + "/." + part
        let handle = try newFile(place)
        defer {
            try? handle.close()
            FolderListing.delete(place)
        }
        let (form, _) = try await receive(call, "data", to: handle, limit: max(0, min(Self.partLimit, room)))
        if let stray = form.fields.keys.min() {
            throw APIError(400, "Unrecognized field \(APIError.shown(JSONNode(stray))).", parameter: stray, code: "unknown_parameter")
        }
        do {
            try handle.synchronize()
            try DurableFiles.rename(place, to: folder(id) + "/" + part)
        } catch { throw APIError(500, "The spool cannot be written.", code: "spool_error") }
        return Self.json([
            "id": JSONNode(part), "object": "upload.part", "created_at": JSONNode(Int(Date().timeIntervalSince1970)),
            "upload_id": JSONNode(id),
        ])
    }

    /// `POST /v1/uploads/ID/complete`: the parts in the order that is given become the file.
    func completeUpload(_ call: Call) async throws -> Response {
        let (id, object) = try openUpload(call)
        let parts = try UploadRequest.parts(try await call.json())
        for part in parts where !Self.isID(part, "part_") || !FolderListing.exists(folder(id) + "/" + part) {
            throw APIError(400, "There is no part \(APIError.shown(JSONNode(part))).", parameter: "part_ids", code: "invalid_value")
        }
        let wanted = object["bytes"]?.integer ?? 0
        let given = parts.reduce(0) { $0 + (FolderListing.byteCount(folder(id) + "/" + $1) ?? 0) }
        guard given == wanted else {
            throw APIError(
                400, "The parts have \(given) bytes together, but the upload was made for \(wanted).", parameter: "part_ids",
                code: "invalid_value")
        }
        // Whoever makes this folder completes it; a second request finds it.
        let mark = folder(id) + "/.closing"
        do { try DurableFiles.makeFolder(mark, isNew: true) } catch {
            throw APIError(409, "The upload is being completed.", parameter: "upload_id", code: "wrong_state")
        }
        defer { FolderListing.delete(mark) }
        let file = "file-" + Identifier.ulid()
        let place = spool.path("files", "." + file + ".part")
        let handle = try newFile(place)
        defer {
            try? handle.close()
            FolderListing.delete(place)
        }
        for part in parts {
            guard let source = FileHandle(forReadingAtPath: folder(id) + "/" + part) else {
                throw APIError(500, "The spool cannot be read.", code: "spool_error")
            }
            defer { try? source.close() }
            while let data = try source.read(upToCount: 1 << 20), !data.isEmpty {
                do { try handle.write(contentsOf: data) } catch { throw APIError(507, "The disk is full.", code: "no_space") }
            }
        }
        let kept = try keep(
            place, handle, id: file, bytes: wanted, name: object["filename"]?.string ?? "file", purpose: object["purpose"]?.string ?? "",
            expiresAfter: object["expires_after"]?.integer, call.asker)
        return Self.json(Self.shown(try close(id, object, "completed"), file: kept))
    }

    /// `POST /v1/uploads/ID/cancel`.
    func cancelUpload(_ call: Call) async throws -> Response {
        let (id, object) = try openUpload(call)
        return Self.json(Self.shown(try close(id, object, "cancelled")))
    }

    /// Ends an upload; its parts go.
    private func close(_ id: String, _ object: JSONNode, _ status: String) throws(APIError) -> JSONNode {
        let closed = Self.with(object, status: status)
        try write(closed, id)
        for name in (try? FolderListing.names(in: folder(id))) ?? [] where name != "upload.json" {
            FolderListing.delete(folder(id) + "/" + name)
        }
        return closed
    }
}

extension Spool {
    /// Deletes uploads whose time is over, also what is left to be said of those that have ended.
    func sweepUploads() {
        let folder = path("files", ".uploads")
        for name in (try? FolderListing.names(in: folder)) ?? [] where name.hasPrefix("upload_") {
            guard let expires = json(folder + "/" + name + "/upload.json")?["expires_at"]?.double, expires <= Date().timeIntervalSince1970
            else { continue }
            FolderListing.delete(folder + "/" + name)
        }
    }
}
