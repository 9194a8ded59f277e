package main

const usage = `flakey insmod FILE.ko ...
flakey open NAME DISK             make NAME of a DISK; prints its device
flakey log NAME DISK LOG          make NAME of a DISK, all that is written to it is kept on LOG, in order; prints its device
flakey mark NAME TEXT             a line in that log
flakey set NAME DISK MODE         MODE: good, writes (they fail), all (reads fail too), drop (writes are lost in silence)
flakey spoil NAME DISK FILE ...   the blocks of these files, on a file system of NAME, cannot be read
flakey watch [-line TEXT] [-call N] NAME DISK MODE PROGRAM [ARGUMENT ...]
                                  run PROGRAM, set MODE at its N-th call that changes a disk after it printed TEXT
flakey mount TYPE DEVICE DIR
flakey unmount DIR
flakey write FILE TEXT            as moss writes a file that a boot needs; back when it is on the disk
flakey list DIR                   a line for each file
flakey tree DIR|LIST ...          one hash of all that is in the folders together
flakey paths LIST ROOT            what is not any more, below ROOT, as a list of it from before the usr-merge says`
