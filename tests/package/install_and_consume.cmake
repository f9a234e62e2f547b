# cmake -D BUILD=.. -D CONSUMER=.. -D WORK=.. -D GENERATOR=.. -D COMPILER=.. -P this
file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
run(${CMAKE_COMMAND} -S ${CONSUMER} -B ${WORK}/build -G ${GENERATOR}
    -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_PREFIX_PATH=${prefix})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer)
# The installed program finds the installed models and digits.
run(${prefix}/bin/pronghorn summary mnist-cnn-4)
run(${prefix}/bin/pronghorn data)
