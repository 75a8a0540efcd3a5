#ifndef TALA_VULKAN_H
#define TALA_VULKAN_H

#include <vulkan/vulkan.h>

// Macros that Swift does not import.
static inline uint32_t tala_vulkan_version_1_2(void) { return VK_API_VERSION_1_2; }
static inline uint64_t tala_vulkan_whole_size(void) { return VK_WHOLE_SIZE; }

#endif
