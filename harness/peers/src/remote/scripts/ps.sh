#!/bin/sh
columns= heads=yes
while [ $# -gt 0 ]; do
  case $1 in
    --no-headers | --no-heading | --noheaders | --noheading) heads= ;;
    --*) ;;
    -o | -eo | -Ao | -axo | axo | -aeo | o | ao | --format) shift; columns=$columns,$1 ;;
    -o* | -eo* | -Ao*) columns=$columns,${1#-*o} ;;
  esac
  shift
done
case $columns in *=*) heads= ;; esac
columns=$(echo "${columns:-,user,pid,%cpu,%mem,vsz,rss,time,args}" | tr -d = | tr , ' ')
line() {
  set_pid=$1 set_user=$2 set_cpu=$3 set_mem=$4 set_vsz=$5 set_rss=$6 set_time=$7 set_args=$8
  text=
  for column in $columns; do
    case $column in
      pid) text="$text $set_pid" ;;
      user | euser | uname) text="$text $set_user" ;;
      %cpu | pcpu | c | C) text="$text $set_cpu" ;;
      %mem | pmem) text="$text $set_mem" ;;
      vsz) text="$text $set_vsz" ;;
      rss) text="$text $set_rss" ;;
      time | etime | cputime) text="$text $set_time" ;;
      *) text="$text $set_args" ;;
    esac
  done
  echo "${text# }"
}
[ -z "$heads" ] || line PID USER %CPU %MEM VSZ RSS TIME COMMAND
while read -r pid user cpu mem vsz rss time args; do
  line "$pid" "$user" "$cpu" "$mem" "$vsz" "$rss" "$time" "$args"
done <'{here}/ps.text'
