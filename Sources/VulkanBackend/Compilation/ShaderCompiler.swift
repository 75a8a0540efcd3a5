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
            return bytes.withUnsafeBytes { buffer in (0..<(bytes.count / 4)).map { buffer.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self) } }
        }
        let words = try compile(source, named: name)
        cache.write(entry, words.withUnsafeBytes { Array($0) })
        return words
    }

    /// The words of the compiled shader.
    /// - Throws: ``VulkanError/badShader(name:message:)`` with file and line of each fault.
    static func compile(_ source: ShaderFolder.Source, named name: String) throws(VulkanError) -> [UInt32] {
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
