#ifndef TALA_VULKAN_H
#define TALA_VULKAN_H

#include <vulkan/vulkan.h>

// Macros that Swift does not import.
static inline uint32_t tala_vulkan_version_1_2(void) { return VK_API_VERSION_1_2; }
static inline uint64_t tala_vulkan_whole_size(void) { return VK_WHOLE_SIZE; }

// Headers before 1.3.255 (Debian 12 has 1.3.239) do not know cooperative matrices; names and values
// are those of the Vulkan registry.
#ifndef VK_KHR_cooperative_matrix
typedef struct VkPhysicalDeviceCooperativeMatrixFeaturesKHR {
    VkStructureType sType;
    void *pNext;
    VkBool32 cooperativeMatrix;
    VkBool32 cooperativeMatrixRobustBufferAccess;
} VkPhysicalDeviceCooperativeMatrixFeaturesKHR;
typedef uint32_t VkComponentTypeKHR;
typedef uint32_t VkScopeKHR;
typedef struct VkCooperativeMatrixPropertiesKHR {
    VkStructureType sType;
    void *pNext;
    uint32_t MSize;
    uint32_t NSize;
    uint32_t KSize;
    VkComponentTypeKHR AType;
    VkComponentTypeKHR BType;
    VkComponentTypeKHR CType;
    VkComponentTypeKHR ResultType;
    VkBool32 saturatingAccumulation;
    VkScopeKHR scope;
} VkCooperativeMatrixPropertiesKHR;
#endif

// The same in all versions of the headers: numbers, and whether a configuration multiplies float16
// into float32 sums within a subgroup.
static inline VkStructureType tala_cooperative_matrix_features_type(void) { return (VkStructureType)1000506000; }
static inline VkStructureType tala_cooperative_matrix_properties_type(void) { return (VkStructureType)1000506001; }
static inline int tala_is_half_to_float_product(VkCooperativeMatrixPropertiesKHR p) {
    enum { HALF = 0, FLOAT = 1, SUBGROUP = 3 };
    return p.AType == HALF && p.BType == HALF && p.CType == FLOAT && p.ResultType == FLOAT && p.scope == SUBGROUP;
}
typedef VkResult(VKAPI_PTR *tala_get_cooperative_matrix_properties)(VkPhysicalDevice, uint32_t *, VkCooperativeMatrixPropertiesKHR *);

#endif
