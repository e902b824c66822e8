# What the build writes into ${build}/generated:
#   integration/v1/*.pb.[ch]            nanopb, from every .proto but options.proto
#   routes.gen, tables.gen, openapi     proto/tools/protoc-gen-integration, from all of them at once
#   migrations.gen.[ch]                 src/store/migrations/*.sql
#   assets.gen.[ch]                     gateway/assets/*
# A generated file that did not change keeps its time, so only what depends on a change is rebuilt.
set(GENERATED_DIR "${CMAKE_BINARY_DIR}/generated")
file(MAKE_DIRECTORY "${GENERATED_DIR}")
set(GENERATED_CORE "")
set(GENERATED_GATEWAY "")

file(GLOB proto_files CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/proto/integration/v1/*.proto")
file(GLOB proto_options CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/proto/integration/v1/*.options")
file(GLOB_RECURSE proto_tools CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/proto/tools/*")
list(FILTER proto_tools EXCLUDE REGEX "__pycache__|\\.pyc$")

set(proto_outputs "")
foreach(proto IN LISTS proto_files)
  get_filename_component(name "${proto}" NAME_WE)
  if(NOT name STREQUAL "options") # annotations for the generator, no message of the bus
    list(APPEND proto_outputs "${GENERATED_DIR}/integration/v1/${name}.pb.c"
         "${GENERATED_DIR}/integration/v1/${name}.pb.h")
  endif()
endforeach()
if(proto_files AND EXISTS "${CMAKE_SOURCE_DIR}/proto/tools/protoc-gen-integration")
  foreach(name IN ITEMS routes.gen.c routes.gen.h tables.gen.c tables.gen.h openapi.gen.c openapi.json)
    list(APPEND proto_outputs "${GENERATED_DIR}/${name}")
  endforeach()
endif()
if(proto_outputs)
  add_custom_command(
    OUTPUT ${proto_outputs}
    COMMAND "${CMAKE_SOURCE_DIR}/scripts/generate-proto.sh" "${PROTOC}" "${PROTOC_GEN_NANOPB}" "${GENERATED_DIR}"
    DEPENDS ${proto_files} ${proto_options} ${proto_tools} "${CMAKE_SOURCE_DIR}/scripts/generate-proto.sh"
    COMMENT "Generating from proto/" VERBATIM)
  list(APPEND GENERATED_CORE ${proto_outputs})
endif()

file(GLOB migrations CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/store/migrations/*.sql")
set(migration_outputs "${GENERATED_DIR}/migrations.gen.c" "${GENERATED_DIR}/migrations.gen.h")
add_custom_command(
  OUTPUT ${migration_outputs}
  COMMAND /usr/bin/python3 "${CMAKE_SOURCE_DIR}/scripts/embed-migrations.py"
          "${CMAKE_SOURCE_DIR}/src/store/migrations" "${GENERATED_DIR}"
  DEPENDS ${migrations} "${CMAKE_SOURCE_DIR}/scripts/embed-migrations.py"
  COMMENT "Embedding the migrations" VERBATIM)
list(APPEND GENERATED_CORE ${migration_outputs})

file(GLOB_RECURSE assets CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/gateway/assets/*")
set(asset_outputs "${GENERATED_DIR}/assets.gen.c" "${GENERATED_DIR}/assets.gen.h")
add_custom_command(
  OUTPUT ${asset_outputs}
  COMMAND /usr/bin/python3 "${CMAKE_SOURCE_DIR}/scripts/embed-assets.py"
          "${CMAKE_SOURCE_DIR}/gateway/assets" "${GENERATED_DIR}"
  DEPENDS ${assets} "${CMAKE_SOURCE_DIR}/scripts/embed-assets.py"
  COMMENT "Embedding gateway/assets" VERBATIM)
list(APPEND GENERATED_GATEWAY ${asset_outputs})

# Generated code answers to its generator, not to our warning set.
set(generated_c ${GENERATED_CORE} ${GENERATED_GATEWAY})
list(FILTER generated_c INCLUDE REGEX "\\.c$")
set_source_files_properties(${generated_c} PROPERTIES COMPILE_OPTIONS "-w")
add_custom_target(integration_generated DEPENDS ${GENERATED_CORE} ${GENERATED_GATEWAY})
