import Foundation
import Glibc
import Storage

/// A glslang program of the machine, for shaders that the library linked into this program is too
/// old for.
///
/// Debian 12's glslang 12 knows no cooperative matrices, 13 and later do. `TALA_GLSLANG` names a
/// program; without it `glslang` and `glslangValidator` of the path are tried.
enum ExternalCompiler {
    /// The words of the compiled shader.
    /// - Throws: ``VulkanError/badShader(name:message:)``, also where no program is found.
    static func compile(_ source: ShaderFolder.Source, named name: String) throws(VulkanError) -> [UInt32] {
        let candidates = programs()
        guard !candidates.isEmpty else { throw .badShader(name: name, message: "no glslang is in the path and TALA_GLSLANG names none") }
        var message = ""
        for program in candidates {
            do throws(VulkanError) { return try compile(source, named: name, program) } catch { message = "\(error)" }
        }
        throw .badShader(name: name, message: message)
    }

    private static func programs() -> [String] {
        if let named = getenv("TALA_GLSLANG").map({ String(cString: $0) }), !named.isEmpty { return [named] }
        let folders = (getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin").split(separator: ":")
        return ["glslang", "glslangValidator"].flatMap { name in folders.map { "\($0)/\(name)" } }.filter { access($0, X_OK) == 0 }
    }

    private static func compile(_ source: ShaderFolder.Source, named name: String, _ program: String) throws(VulkanError) -> [UInt32] {
        var template = Array((NSTemporaryDirectory() + "/tala-shader-XXXXXX").utf8CString)
        guard let made = mkdtemp(&template) else { throw .badShader(name: name, message: "no temporary folder can be made") }
        let folder = String(cString: made)
        defer { FolderListing.delete(folder) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["-V", "--quiet", "--target-env", "vulkan1.2", "-S", "comp", "-o", folder + "/out.spv", folder + "/in.comp"]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        do {
            try DurableFiles.replace(folder + "/in.comp", with: source.text)
            try process.run()
        } catch {
            throw .badShader(name: name, message: "\(program) does not start: \(error.localizedDescription)")
        }
        let log = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationReason == .exit, process.terminationStatus == 0,
            let bytes = FileManager.default.contents(atPath: folder + "/out.spv"),
            bytes.count % 4 == 0, bytes.count >= 20
        else { throw .badShader(name: name, message: source.translated(log.replacingOccurrences(of: folder + "/in.comp:", with: "0:"))) }
        let words = bytes.withUnsafeBytes { buffer in
            (0..<(buffer.count / 4)).map { buffer.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self) }
        }
        guard words[0] == 0x0723_0203 else { throw .badShader(name: name, message: "\(program) wrote no SPIR-V") }
        return words
    }
}
