"""The built-in dancer's parts: body and forward kinematics, keys, moves, grammar, drawing, music."""
