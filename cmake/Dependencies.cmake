# The libraries, all from Debian packages (scripts/install-deps.sh installs them).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)

foreach(module IN ITEMS libczmq libzmq libpq hiredis libcurl sqlite3 jansson libzstd yaml-0.1)
  string(MAKE_C_IDENTIFIER "${module}" id)
  pkg_check_modules(${id} REQUIRED IMPORTED_TARGET ${module})
  list(APPEND pkg_targets PkgConfig::${id})
endforeach()

find_library(CIVETWEB_LIBRARY civetweb REQUIRED)
find_path(NANOPB_INCLUDE_DIR pb.h REQUIRED)
find_program(PROTOC protoc REQUIRED)
find_program(PROTOC_GEN_NANOPB protoc-gen-nanopb PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)

add_library(integration_deps INTERFACE)
target_link_libraries(integration_deps INTERFACE ${pkg_targets} ${CIVETWEB_LIBRARY}
                      OpenSSL::SSL OpenSSL::Crypto Threads::Threads m ${CMAKE_DL_LIBS})
# Only nanopb's generator and header are used: Debian's library counts bytes and list elements in 16 bits, so the
# structs are compiled with 32 and src/message reads and writes the wire format. Everything must agree on it.
target_include_directories(integration_deps SYSTEM INTERFACE "${NANOPB_INCLUDE_DIR}")
target_compile_definitions(integration_deps INTERFACE PB_FIELD_32BIT=1)
