module pion-peer

go 1.24.0

require github.com/pion/dtls/v4 v4.0.0
