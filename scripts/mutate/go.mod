module cloister/scripts/mutate

go 1.26
