module pulse/golden

go 1.22
