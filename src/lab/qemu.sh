#!/usr/bin/env bash
# The process that plays QEMU in the lab: it is there, has the command line that a PVE host looks for, and does nothing.
# It ends on SIGTERM, when its folder is gone, and when no console has touched <lab>/alive for a while, so that nothing
# is left running on a machine where somebody once tried the lab. Idleness is counted in ticks, not read from the clock:
# a laptop that slept overnight comes back with its VM.
set -u
lab='' pidfile='' idle=600
prev=''
for word in "$@"; do
  case $prev in
    -pidfile) pidfile=$word ;;
    -lab) lab=$word ;;
    -lab-idle) idle=$word ;;
  esac
  prev=$word
done

leave() {
  local pid=''
  [[ -r $pidfile ]] && read -r pid <"$pidfile"
  [[ $pid == "$$" ]] && rm -f "$pidfile"
  exit 0
}
trap leave TERM INT HUP

wake=$pidfile.wake
rm -f "$wake"
mkfifo "$wake" || exit 1
exec 9<>"$wake"
rm -f "$wake"
printf '%s\n' "$$" >"$pidfile.new" && mv "$pidfile.new" "$pidfile" || exit 1

tick=5
((idle < 20)) && tick=1
last='' unseen=0
while [[ -d $lab ]]; do
  now=''
  [[ -r $lab/alive ]] && read -r now <"$lab/alive"
  if [[ $now == "$last" ]]; then ((unseen += tick)); else last=$now unseen=0; fi
  ((unseen >= idle)) && leave
  # Waits without a child of its own that could outlive it.
  read -r -t "$tick" -u 9 _ || true
done
leave
