# Language level, warnings, hardening, sanitizers. Applies to every target declared after it.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)

# Invariants assert in every build: no -DNDEBUG.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_C_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

add_compile_definitions(_GNU_SOURCE)
add_compile_options(
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef -Wvla
  -fstack-protector-strong -fno-omit-frame-pointer
  # Builds in different directories give the same objects, and no machine path ends up in a binary.
  "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=" "-ffile-prefix-map=${CMAKE_BINARY_DIR}/=build/")
add_link_options(-Wl,-z,relro -Wl,-z,now -pie)
if(INTEGRATION_WERROR)
  add_compile_options(-Werror)
endif()

if(INTEGRATION_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -O1)
  add_link_options(-fsanitize=address,undefined)
  # As two shared libraries, UBSan's reports ignore log_path and miss the net of the test run.
  string(APPEND CMAKE_EXE_LINKER_FLAGS " -static-libasan -static-libubsan")
elseif(INTEGRATION_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -O1)
  add_link_options(-fsanitize=thread)
elseif(NOT INTEGRATION_SANITIZE STREQUAL "")
  message(FATAL_ERROR "INTEGRATION_SANITIZE is '${INTEGRATION_SANITIZE}', allowed: address, thread, empty")
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
