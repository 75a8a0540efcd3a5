import CGlslang
import Storage
#if canImport(COGLCompiler)
    import COGLCompiler
#endif

/// From GLSL to SPIR-V, by libglslang in this process.
enum ShaderCompiler {
    private static let isReady: Bool = glslang_initialize_process() != 0

    /// The words of the compiled shader, from the cache where the same text was compiled before.
    /// - Throws: ``VulkanError/badShader(name:message:)`` with file and line of each fault.
    static func compile(_ source: ShaderFolder.Source, named name: String, cache: DiskCache) throws(VulkanError) -> [UInt32] {
        let version = "glslang \(GLSLANG_VERSION_MAJOR).\(GLSLANG_VERSION_MINOR).\(GLSLANG_VERSION_PATCH) for Vulkan 1.2\n"
        let entry = "\(name)-\(SHA256.hexadecimal(of: (version + source.text).utf8)).spv"
        if let bytes = cache.read(entry), bytes.count % 4 == 0 {
            return bytes.withUnsafeBytes { buffer in
                (0..<(bytes.count / 4)).map { buffer.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self) }
            }
        }
        let words = try compileAnew(source, named: name)
        cache.write(entry, words.withUnsafeBytes { Array($0) })
        return words
    }

    /// The words of the compiled shader, by the library of this program or, for what it is too old
    /// for, by a program of the machine.
    /// - Throws: ``VulkanError/badShader(name:message:)`` with file and line of each fault.
    static func compileAnew(_ source: ShaderFolder.Source, named name: String) throws(VulkanError) -> [UInt32] {
        if source.usesCooperativeMatrices, !libraryKnowsCooperativeMatrices { return try ExternalCompiler.compile(source, named: name) }
        return try compileHere(source, named: name)
    }

    /// Whether shaders with `GL_KHR_cooperative_matrix` can be compiled, and if not, why.
    static let cooperativeMatrixSupport: (isThere: Bool, reason: String) = {
        if libraryKnowsCooperativeMatrices { return (true, "") }
        do throws(VulkanError) {
            _ = try ExternalCompiler.compile(probe, named: "probe")
            return (true, "")
        } catch {
            return (
                false,
                "glslang \(GLSLANG_VERSION_MAJOR) of this build does not know them; TALA_GLSLANG can name a glslang of version 13 or later"
            )
        }
    }()
    private static let libraryKnowsCooperativeMatrices = (try? compileHere(probe, named: "probe")) != nil
    private static let probe: ShaderFolder.Source = {
        let lines = [
            "#version 460", "#extension GL_KHR_cooperative_matrix : require", "#extension GL_KHR_memory_scope_semantics : require",
            "layout(local_size_x = 32) in;", "shared float numbers[256];", "void main() {",
            "coopmat<float, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator> m = coopmat<float, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator>(0.0);",
            "coopMatStore(m, numbers, 0, 16, gl_CooperativeMatrixLayoutRowMajor);", "}",
        ]
        return ShaderFolder.Source(lines: lines, origins: lines.indices.map { ("probe", $0 + 1) })
    }()

    private static func compileHere(_ source: ShaderFolder.Source, named name: String) throws(VulkanError) -> [UInt32] {
        guard isReady else { throw .badShader(name: name, message: "the shader compiler does not start") }
        var words: [UInt32] = []
        var failure: String?
        source.text.withCString { code in
            var input = glslang_input_t()
            input.language = GLSLANG_SOURCE_GLSL
            input.stage = GLSLANG_STAGE_COMPUTE
            input.client = GLSLANG_CLIENT_VULKAN
            input.client_version = GLSLANG_TARGET_VULKAN_1_2
            input.target_language = GLSLANG_TARGET_SPV
            input.target_language_version = GLSLANG_TARGET_SPV_1_5
            input.code = code
            input.default_version = 460
            input.default_profile = GLSLANG_NO_PROFILE
            input.messages = glslang_messages_t(rawValue: GLSLANG_MSG_SPV_RULES_BIT.rawValue | GLSLANG_MSG_VULKAN_RULES_BIT.rawValue)
            input.resource = glslang_default_resource()
            guard let shader = glslang_shader_create(&input) else {
                failure = "the compiler takes no shader"
                return
            }
            defer { glslang_shader_delete(shader) }
            guard glslang_shader_preprocess(shader, &input) != 0, glslang_shader_parse(shader, &input) != 0 else {
                failure = glslang_shader_get_info_log(shader).map { String(cString: $0) } ?? "it does not compile"
                return
            }
            guard let program = glslang_program_create() else {
                failure = "the compiler takes no program"
                return
            }
            defer { glslang_program_delete(program) }
            glslang_program_add_shader(program, shader)
            guard glslang_program_link(program, Int32(input.messages.rawValue)) != 0 else {
                failure = glslang_program_get_info_log(program).map { String(cString: $0) } ?? "it does not link"
                return
            }
            glslang_program_SPIRV_generate(program, GLSLANG_STAGE_COMPUTE)
            words = Array(repeating: 0, count: glslang_program_SPIRV_get_size(program))
            glslang_program_SPIRV_get(program, &words)
        }
        if let failure { throw .badShader(name: name, message: source.translated(failure)) }
        return words
    }
}
