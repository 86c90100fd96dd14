define void @"forward"(ptr %".1")
{
entry:
  %".3" = getelementptr i64, ptr %".1", i64 0
  %".4" = load i64, ptr %".3", align 8
  %".5" = getelementptr i64, ptr %".1", i64 1
  %".6" = load i64, ptr %".5", align 8
  %".7" = inttoptr i64 %".6" to ptr
  %".9" = getelementptr i64, ptr %".1", i64 2
  %".10" = load i64, ptr %".9", align 8
  %".11" = getelementptr i64, ptr %".1", i64 3
  %".12" = load i64, ptr %".11", align 8
  %".13" = getelementptr i64, ptr %".1", i64 4
  %".14" = load i64, ptr %".13", align 8
  %".15" = getelementptr i64, ptr %".1", i64 5
  %".16" = load i64, ptr %".15", align 8
  %".17" = getelementptr i64, ptr %".1", i64 6
  %".18" = load i64, ptr %".17", align 8
  %".19" = getelementptr i64, ptr %".1", i64 7
  %".20" = load i64, ptr %".19", align 8
  %".21" = getelementptr i64, ptr %".1", i64 8
  %".22" = load i64, ptr %".21", align 8
  %".23" = inttoptr i64 %".22" to ptr
  %".24" = getelementptr i64, ptr %".1", i64 9
  %".25" = load i64, ptr %".24", align 8
  %".27" = getelementptr i64, ptr %".1", i64 10
  %".28" = load i64, ptr %".27", align 8
  %".33" = getelementptr i64, ptr %".1", i64 11
  %".34" = load i64, ptr %".33", align 8
  %".35" = getelementptr i64, ptr %".1", i64 12
  %".36" = load i64, ptr %".35", align 8
  %".41" = getelementptr i64, ptr %".1", i64 13
  %".42" = load i64, ptr %".41", align 8
  %".43" = inttoptr i64 %".42" to ptr
  %".45" = getelementptr i64, ptr %".1", i64 14
  %".46" = load i64, ptr %".45", align 8
  %".47" = inttoptr i64 %".46" to ptr
  %".52" = getelementptr i64, ptr %".1", i64 15
  %".53" = load i64, ptr %".52", align 8
  %".56" = getelementptr i64, ptr %".1", i64 16
  %".57" = load i64, ptr %".56", align 8
  %".62" = getelementptr i64, ptr %".1", i64 17
  %".63" = load i64, ptr %".62", align 8
  %".65" = getelementptr i64, ptr %".1", i64 18
  %".66" = load i64, ptr %".65", align 8
  %".69" = getelementptr i64, ptr %".1", i64 19
  %".70" = load i64, ptr %".69", align 8
  %".71" = inttoptr i64 %".70" to ptr
  %".75" = getelementptr i64, ptr %".1", i64 20
  %".76" = load i64, ptr %".75", align 8
  %".78" = getelementptr i64, ptr %".1", i64 21
  %".79" = load i64, ptr %".78", align 8
  %".82" = getelementptr i64, ptr %".1", i64 22
  %".83" = load i64, ptr %".82", align 8
  %".84" = inttoptr i64 %".83" to ptr
  %".88" = getelementptr i64, ptr %".1", i64 23
  %".89" = load i64, ptr %".88", align 8
  %".92" = getelementptr i64, ptr %".1", i64 24
  %".93" = load i64, ptr %".92", align 8
  %".94" = inttoptr i64 %".93" to ptr
  %".97" = getelementptr i64, ptr %".1", i64 25
  %".98" = load i64, ptr %".97", align 8
  %".114" = getelementptr i64, ptr %".1", i64 26
  %".115" = load i64, ptr %".114", align 8
  %".116" = getelementptr i64, ptr %".1", i64 27
  %".117" = load i64, ptr %".116", align 8
  %".118" = inttoptr i64 %".117" to ptr
  %".119" = getelementptr i64, ptr %".1", i64 28
  %".120" = load i64, ptr %".119", align 8
  %".138" = getelementptr i64, ptr %".1", i64 29
  %".139" = load i64, ptr %".138", align 8
  %".144" = getelementptr i64, ptr %".1", i64 30
  %".145" = load i64, ptr %".144", align 8
  %".147" = getelementptr i64, ptr %".1", i64 31
  %".148" = load i64, ptr %".147", align 8
  %".149" = inttoptr i64 %".148" to ptr
  %".151" = getelementptr i64, ptr %".1", i64 32
  %".152" = load i64, ptr %".151", align 8
  br label %"start"
start:
  call void @"llvm.memset.p0.i64"(ptr %".7", i8 0, i64 %".4", i1 0)
  call void @"pack"(ptr %".23", i64 %".10", i64 %".12", i64 %".14", i64 %".16", ptr %".7", i64 %".18", i64 %".20", i64 %".25")
  br label %"head"
head:
  %".30" = phi  i64 [0, %"start"], [%".247", %"after.3"]
  %".31" = icmp slt i64 %".30", %".28"
  br i1 %".31", label %"body", label %"after"
body:
  %".37" = sub i64 %".30", 1
  %".38" = and i64 %".37", %".36"
  %".39" = mul i64 %".38", %".34"
  %".40" = icmp eq i64 %".30", 0
  %".44" = getelementptr float, ptr %".43", i64 %".39"
  %".48" = select  i1 %".40", ptr %".47", ptr %".44"
  %".49" = and i64 %".30", %".36"
  %".50" = mul i64 %".49", %".34"
  %".51" = getelementptr float, ptr %".43", i64 %".50"
  %".54" = icmp ne i64 %".53", 0
  br i1 %".54", label %"body.if", label %"body.endif"
after:
  ret void
body.if:
  br label %"head.1"
body.endif:
  %".113" = select  i1 %".54", ptr %".94", ptr %".48"
  call void @"product"(i64 %".57", ptr %".113", i64 %".89", i64 1, i64 %".25", i64 %".115", ptr %".7", ptr %".118", i64 %".120", i1 0)
  br label %"head.3"
head.1:
  %".59" = phi  i64 [0, %"body.if"], [%".110", %"after.2"]
  %".60" = icmp slt i64 %".59", %".57"
  br i1 %".60", label %"body.1", label %"after.1"
body.1:
  %".64" = mul i64 %".30", %".63"
  %".67" = mul i64 %".59", %".66"
  %".68" = add i64 %".64", %".67"
  %".72" = getelementptr i8, ptr %".71", i64 %".68"
  %".73" = load i8, ptr %".72", align 1
  %".74" = icmp ne i8 %".73", 0
  %".77" = mul i64 %".30", %".76"
  %".80" = mul i64 %".59", %".79"
  %".81" = add i64 %".77", %".80"
  %".85" = getelementptr i8, ptr %".84", i64 %".81"
  %".86" = load i8, ptr %".85", align 1
  %".87" = icmp ne i8 %".86", 0
  %".90" = mul i64 %".59", %".89"
  %".91" = getelementptr float, ptr %".48", i64 %".90"
  %".95" = mul i64 %".59", %".89"
  %".96" = getelementptr float, ptr %".94", i64 %".95"
  br label %"head.2"
after.1:
  br label %"body.endif"
head.2:
  %".100" = phi  i64 [0, %"body.1"], [%".108", %"body.2"]
  %".101" = icmp slt i64 %".100", %".98"
  br i1 %".101", label %"body.2", label %"after.2"
body.2:
  %".103" = getelementptr float, ptr %".91", i64 %".100"
  %".104" = load float, ptr %".103", align 4
  %".105" = select  i1 %".87", float              0x0, float %".104"
  %".106" = getelementptr float, ptr %".96", i64 %".100"
  store float %".105", ptr %".106", align 4
  %".108" = add i64 %".100", 1
  br label %"head.2"
after.2:
  %".110" = add i64 %".59", 1
  br label %"head.1"
head.3:
  %".123" = phi  i64 [0, %"body.endif"], [%".245", %"after.4.endif"]
  %".124" = icmp slt i64 %".123", %".57"
  br i1 %".124", label %"body.3", label %"after.3"
body.3:
  %".126" = mul i64 %".30", %".63"
  %".127" = mul i64 %".123", %".66"
  %".128" = add i64 %".126", %".127"
  %".129" = getelementptr i8, ptr %".71", i64 %".128"
  %".130" = load i8, ptr %".129", align 1
  %".131" = icmp ne i8 %".130", 0
  %".132" = mul i64 %".30", %".76"
  %".133" = mul i64 %".123", %".79"
  %".134" = add i64 %".132", %".133"
  %".135" = getelementptr i8, ptr %".84", i64 %".134"
  %".136" = load i8, ptr %".135", align 1
  %".137" = icmp ne i8 %".136", 0
  %".140" = mul i64 %".30", %".139"
  %".141" = getelementptr float, ptr %".118", i64 %".140"
  %".142" = mul i64 %".123", %".120"
  %".143" = getelementptr float, ptr %".141", i64 %".142"
  %".146" = mul i64 %".30", %".145"
  %".150" = getelementptr float, ptr %".149", i64 %".146"
  %".153" = mul i64 %".123", %".152"
  %".154" = getelementptr float, ptr %".150", i64 %".153"
  %".155" = mul i64 %".123", %".89"
  %".156" = getelementptr float, ptr %".48", i64 %".155"
  %".157" = mul i64 %".123", %".89"
  %".158" = getelementptr float, ptr %".51", i64 %".157"
  %".159" = and i64 %".98", -4
  br label %"head.4"
after.3:
  %".247" = add i64 %".30", 1
  br label %"head"
head.4:
  %".161" = phi  i64 [0, %"body.3"], [%".200", %"body.4"]
  %".162" = icmp slt i64 %".161", %".159"
  br i1 %".162", label %"body.4", label %"after.4"
body.4:
  %".164" = getelementptr float, ptr %".143", i64 %".161"
  %".165" = load <4 x float>, ptr %".164", align 4
  %".166" = getelementptr float, ptr %".154", i64 %".161"
  %".167" = load <4 x float>, ptr %".166", align 4
  %".168" = fadd contract <4 x float> %".165", %".167"
  %".169" = fcmp olt <4 x float> <float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000>, %".168"
  %".170" = select  <4 x i1> %".169", <4 x float> <float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000>, <4 x float> %".168"
  %".171" = fcmp olt <4 x float> %".170", <float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000>
  %".172" = select  <4 x i1> %".171", <4 x float> <float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000>, <4 x float> %".170"
  %".173" = fadd contract <4 x float> %".172", %".172"
  %".174" = fmul <4 x float> %".173", <float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000>
  %".175" = fadd <4 x float> %".174", <float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000>
  %".176" = fsub <4 x float> %".175", <float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000>
  %".177" = bitcast <4 x float> %".175" to <4 x i32>
  %".178" = sub <4 x i32> %".177", <i32 1262485504, i32 1262485504, i32 1262485504, i32 1262485504>
  %".179" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".176", <4 x float> <float 0xbfe62e0000000000, float 0xbfe62e0000000000, float 0xbfe62e0000000000, float 0xbfe62e0000000000>, <4 x float> %".173")
  %".180" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".176", <4 x float> <float 0xbf00bfbe80000000, float 0xbf00bfbe80000000, float 0xbf00bfbe80000000, float 0xbf00bfbe80000000>, <4 x float> %".179")
  %".181" = add <4 x i32> %".178", <i32 127, i32 127, i32 127, i32 127>
  %".182" = shl <4 x i32> %".181", <i32 23, i32 23, i32 23, i32 23>
  %".183" = bitcast <4 x i32> %".182" to <4 x float>
  %".184" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> <float 0x3f2a01a020000000, float 0x3f2a01a020000000, float 0x3f2a01a020000000, float 0x3f2a01a020000000>, <4 x float> %".180", <4 x float> <float 0x3f56c16c20000000, float 0x3f56c16c20000000, float 0x3f56c16c20000000, float 0x3f56c16c20000000>)
  %".185" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".184", <4 x float> %".180", <4 x float> <float 0x3f81111120000000, float 0x3f81111120000000, float 0x3f81111120000000, float 0x3f81111120000000>)
  %".186" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".185", <4 x float> %".180", <4 x float> <float 0x3fa5555560000000, float 0x3fa5555560000000, float 0x3fa5555560000000, float 0x3fa5555560000000>)
  %".187" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".186", <4 x float> %".180", <4 x float> <float 0x3fc5555560000000, float 0x3fc5555560000000, float 0x3fc5555560000000, float 0x3fc5555560000000>)
  %".188" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".187", <4 x float> %".180", <4 x float> <float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000>)
  %".189" = fmul contract <4 x float> %".180", %".180"
  %".190" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".189", <4 x float> %".188", <4 x float> %".180")
  %".191" = fsub contract <4 x float> %".183", <float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000>
  %".192" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".183", <4 x float> %".190", <4 x float> %".191")
  %".193" = fadd contract <4 x float> %".192", <float 0x4000000000000000, float 0x4000000000000000, float 0x4000000000000000, float 0x4000000000000000>
  %".194" = fdiv <4 x float> %".192", %".193"
  %".195" = getelementptr float, ptr %".156", i64 %".161"
  %".196" = load <4 x float>, ptr %".195", align 4
  %".197" = select  i1 %".131", <4 x float> %".194", <4 x float> %".196"
  %".198" = getelementptr float, ptr %".158", i64 %".161"
  store <4 x float> %".197", ptr %".198", align 4
  %".200" = add i64 %".161", 4
  br label %"head.4"
after.4:
  %".202" = icmp slt i64 %".159", %".98"
  br i1 %".202", label %"after.4.if", label %"after.4.endif"
after.4.if:
  %".204" = sub i64 %".98", %".159"
  %".205" = insertelement <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, i64 %".204", i32 0
  %".206" = shufflevector <4 x i64> %".205", <4 x i64> <i64 undef, i64 undef, i64 undef, i64 undef>, <4 x i32> <i32 0, i32 0, i32 0, i32 0>
  %".207" = icmp slt <4 x i64> <i64 0, i64 1, i64 2, i64 3>, %".206"
  %".208" = getelementptr float, ptr %".143", i64 %".159"
  %".209" = call <4 x float> @"llvm.masked.load.v4f32.p0"(ptr %".208", i32 4, <4 x i1> %".207", <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>)
  %".210" = getelementptr float, ptr %".154", i64 %".159"
  %".211" = call <4 x float> @"llvm.masked.load.v4f32.p0"(ptr %".210", i32 4, <4 x i1> %".207", <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>)
  %".212" = fadd contract <4 x float> %".209", %".211"
  %".213" = fcmp olt <4 x float> <float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000>, %".212"
  %".214" = select  <4 x i1> %".213", <4 x float> <float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000, float 0x4023000000000000>, <4 x float> %".212"
  %".215" = fcmp olt <4 x float> %".214", <float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000>
  %".216" = select  <4 x i1> %".215", <4 x float> <float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000, float 0xc023000000000000>, <4 x float> %".214"
  %".217" = fadd contract <4 x float> %".216", %".216"
  %".218" = fmul <4 x float> %".217", <float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000>
  %".219" = fadd <4 x float> %".218", <float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000>
  %".220" = fsub <4 x float> %".219", <float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000, float 0x4168000000000000>
  %".221" = bitcast <4 x float> %".219" to <4 x i32>
  %".222" = sub <4 x i32> %".221", <i32 1262485504, i32 1262485504, i32 1262485504, i32 1262485504>
  %".223" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".220", <4 x float> <float 0xbfe62e0000000000, float 0xbfe62e0000000000, float 0xbfe62e0000000000, float 0xbfe62e0000000000>, <4 x float> %".217")
  %".224" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".220", <4 x float> <float 0xbf00bfbe80000000, float 0xbf00bfbe80000000, float 0xbf00bfbe80000000, float 0xbf00bfbe80000000>, <4 x float> %".223")
  %".225" = add <4 x i32> %".222", <i32 127, i32 127, i32 127, i32 127>
  %".226" = shl <4 x i32> %".225", <i32 23, i32 23, i32 23, i32 23>
  %".227" = bitcast <4 x i32> %".226" to <4 x float>
  %".228" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> <float 0x3f2a01a020000000, float 0x3f2a01a020000000, float 0x3f2a01a020000000, float 0x3f2a01a020000000>, <4 x float> %".224", <4 x float> <float 0x3f56c16c20000000, float 0x3f56c16c20000000, float 0x3f56c16c20000000, float 0x3f56c16c20000000>)
  %".229" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".228", <4 x float> %".224", <4 x float> <float 0x3f81111120000000, float 0x3f81111120000000, float 0x3f81111120000000, float 0x3f81111120000000>)
  %".230" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".229", <4 x float> %".224", <4 x float> <float 0x3fa5555560000000, float 0x3fa5555560000000, float 0x3fa5555560000000, float 0x3fa5555560000000>)
  %".231" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".230", <4 x float> %".224", <4 x float> <float 0x3fc5555560000000, float 0x3fc5555560000000, float 0x3fc5555560000000, float 0x3fc5555560000000>)
  %".232" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".231", <4 x float> %".224", <4 x float> <float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000>)
  %".233" = fmul contract <4 x float> %".224", %".224"
  %".234" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".233", <4 x float> %".232", <4 x float> %".224")
  %".235" = fsub contract <4 x float> %".227", <float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000>
  %".236" = call <4 x float> @"llvm.fmuladd.v4f32"(<4 x float> %".227", <4 x float> %".234", <4 x float> %".235")
  %".237" = fadd contract <4 x float> %".236", <float 0x4000000000000000, float 0x4000000000000000, float 0x4000000000000000, float 0x4000000000000000>
  %".238" = fdiv <4 x float> %".236", %".237"
  %".239" = getelementptr float, ptr %".156", i64 %".159"
  %".240" = call <4 x float> @"llvm.masked.load.v4f32.p0"(ptr %".239", i32 4, <4 x i1> %".207", <4 x float> <float              0x0, float              0x0, float              0x0, float              0x0>)
  %".241" = select  i1 %".131", <4 x float> %".238", <4 x float> %".240"
  %".242" = getelementptr float, ptr %".158", i64 %".159"
  call void @"llvm.masked.store.v4f32.p0"(<4 x float> %".241", ptr %".242", i32 4, <4 x i1> %".207")
  br label %"after.4.endif"
after.4.endif:
  %".245" = add i64 %".123", 1
  br label %"head.3"
}

declare void @"llvm.memset.p0.i64"(ptr %".1", i8 %".2", i64 %".3", i1 %".4")

declare <4 x float> @"llvm.masked.load.v4f32.p0"(ptr %".1", i32 %".2", <4 x i1> %".3", <4 x float> %".4")

declare void @"llvm.masked.store.v4f32.p0"(<4 x float> %".1", ptr %".2", i32 %".3", <4 x i1> %".4")
