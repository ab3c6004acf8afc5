/** The names of the lab's two machines. Nobody looks them up: the stand-in for ssh knows them, and nothing else is asked. */
export const VM_ADDRESS = "devvm.lab";
export const PVE_ADDRESS = "pve.lab";
