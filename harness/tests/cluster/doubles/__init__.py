"""Programs that stand in for k3d, kind, docker, helm and linkerd, where none of these can pull an image.

Each takes the arguments that the real one documents and refuses all others, keeps its state in a folder, and fails
when it is told to. A cluster that they make is an embedded cluster, so everything that is done through its API is
really done. They are real programs on PATH: nothing in the code under test is replaced.

    $DOUBLES/clusters/NAME/     a cluster: state.json (provider, half-made or whole), the embedded one's run directory
    $DOUBLES/images/            what the Docker engine has; a file per image, its content the labels as JSON
    $DOUBLES/fail/WORD          makes something fail; see `told_to`
    $DOUBLES/calls              every command line, one a line
"""
